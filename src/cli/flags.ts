/** Flags that several commands have, in one place: names, words and checks. */

import type {Command} from 'commander'
import {byteRate, count, oneOf, PRIORITIES, parseHeader, path, seconds, usageError, user} from './parse.ts'
import type {RequestFlags} from './request-flags.ts'

const COSTS = {default: 0, 'unrestricted-only': 1, always: 2} as const

export function store(command: Command): Command {
  return command.option(
    '--store <dir>',
    "where the records live (default: $BGT_STORE, or the user's data directory)",
    path('--store'),
  )
}

export function json(command: Command): Command {
  return command.option('--json', 'print JSON, one object a line')
}

/** The flags of what has an engine. */
export function engineFlags(command: Command): Command {
  const durability = oneOf('--durability', {power: 'power', process: 'process'})
  return command
    .option('--max-concurrent <n>', 'files at once (default: 5)', count('--max-concurrent', 1, 10_000))
    .option(
      '--max-connections-per-origin <n>',
      'files at once from one server (default: no limit)',
      count('--max-connections-per-origin', 1, 10_000),
    )
    .option(
      '--limit-rate <rate>',
      'bytes a second of everything together, such as 800K or 2M',
      byteRate('--limit-rate'),
    )
    .option(
      '--proxy <url>',
      'ask this http, https or socks5 proxy; direct: none (default: http_proxy, https_proxy, no_proxy)',
    )
    .option('--cacert <file>', 'trust the authorities in this file (PEM) and no others')
    .option('--cert <file>', 'the certificate (PEM) that says who you are')
    .option('--key <file>', 'its key (PEM), if that is in a file of its own')
    .option('--durability <what>', 'survive loss of power, or of the process only (default: power)', durability)
    .option(
      '--conditions <what>',
      'machine, or good: take no notice of network, cost and power (default: machine)',
      oneOf('--conditions', {machine: 'machine', good: 'good'}),
    )
}

/** The flags of what transfers. */
export function transferring(command: Command): Command {
  return engineFlags(store(command))
    .option(
      '--wait <s>',
      'for the network, a cheaper one or power, when all else is done (default: 60 for a network, else 0)',
      seconds('--wait', {zero: true}),
    )
    .option('--json', 'print one JSON object a line')
    .option('--quiet', 'print errors only')
}

/** The flags of what makes new transfers. */
export function requesting(
  command: Command,
  {what, user: who}: {readonly what: string; readonly user: string},
): Command {
  return transferring(command)
    .option('-H, --header <header>', "send this header, 'Name: value', with each request", collect(parseHeader))
    .option('--header-file <file>', 'send the headers in this file, one a line')
    .option('--user <name:password>', who, user('--user'))
    .option('--retries <n>', 'retries without progress between them (default: 3)', count('--retries', 0, 1_000_000))
    .option(
      '--retry-delay <s>',
      'the longest first wait before a retry (default: 1)',
      seconds('--retry-delay', {zero: true}),
    )
    .option(
      '--connect-timeout <s>',
      'for a connection to stand (default: 300)',
      seconds('--connect-timeout', {zero: false}),
    )
    .option(
      '--response-timeout <s>',
      'for an answer to begin (default: 120)',
      seconds('--response-timeout', {zero: false}),
    )
    .option('--stall-timeout <s>', 'without a byte (default: 120)', seconds('--stall-timeout', {zero: false}))
    .option('--group <name>', `put the ${what} into this group`, groupName)
    .option('--serialized', 'run the members of the group one after another')
    .option('--priority <priority>', 'high, default or low', oneOf('--priority', PRIORITIES))
    .option(
      '--cost <policy>',
      'default, unrestricted-only or always: which networks may be used',
      oneOf('--cost', COSTS),
    )
}

/** Throws INVALID_ARGUMENT for flags that make no sense together. */
export function assertGroupFlags({group, serialized}: Pick<RequestFlags, 'group' | 'serialized'>): void {
  if (serialized === true && group === undefined) {
    throw usageError('there is no group to serialize', '--serialized', 'give --group too')
  }
}

function groupName(text: string): string {
  if (text !== '' && text.length <= 256) return text
  throw usageError('this is no name', '--group', 'give 1 to 256 characters')
}

/** A flag that may be given several times. */
export function collect<Value = string>(parse?: (text: string) => Value) {
  return (text: string, before: readonly Value[] | undefined): readonly Value[] => [
    ...(before ?? []),
    parse === undefined ? (text as Value) : parse(text),
  ]
}
