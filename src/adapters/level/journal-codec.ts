/**
 * A segment of a journal as compact JSON: the entries that one batch added, each as its difference from the one before.
 * Released: names and their meaning never change; new fields are optional.
 */

import type {JournalEntry} from '../../domain/journal.ts'
import type {Redirect} from '../../domain/redirect.ts'
import type {LifeState} from '../../domain/status.ts'
import {nameText, numberText} from './json-text.ts'

/** A field that is left out is as in the entry before; null takes it away. */
interface WireEntry {
  /** seq, when it is not the next one. */
  readonly n?: number
  /** ms since the entry before; the first entry's epoch ms. */
  readonly d: number
  /** event */
  readonly e: string
  /** from, when it is not where the entry before went. */
  readonly f?: string
  /** to */
  readonly t: string
  /** state */
  readonly s?: LifeState
  /** attempts */
  readonly a?: number
  /** failures */
  readonly l?: number
  /** bytes */
  readonly b?: number
  /** generation */
  readonly g?: number
  /** status */
  readonly h?: number | null
  /** error */
  readonly x?: string | null
  /** redirect; of this entry alone. */
  readonly r?: readonly [status: number, url: string, to: string]
}

/** What the first entry of a segment is compared with. */
function start(first: number): JournalEntry {
  return {
    seq: first - 1,
    at: 0,
    event: '',
    from: '',
    to: '',
    state: 'queued',
    attempts: 0,
    failures: 0,
    bytes: 0,
    generation: 1,
  }
}

/** The text that JSON.stringify makes of the WireEntries, put together by hand: this runs for each transition of each operation. */
export function encodeSegment(entries: readonly JournalEntry[]): string {
  let before = start(entries[0]?.seq ?? 0)
  let json = ''
  for (const entry of entries) {
    json += `${json === '' ? '[' : ','}{${differenceText(before, entry)}}`
    before = entry
  }
  return json === '' ? '[]' : `${json}]`
}

function differenceText(before: JournalEntry, entry: JournalEntry): string {
  let json = `"d":${numberText(entry.at - before.at)},"e":${nameText(entry.event)},"t":${nameText(entry.to)}`
  if (entry.seq !== before.seq + 1) json += `,"n":${numberText(entry.seq)}`
  if (entry.from !== before.to) json += `,"f":${nameText(entry.from)}`
  if (entry.state !== before.state) json += `,"s":${nameText(entry.state)}`
  if (entry.attempts !== before.attempts) json += `,"a":${numberText(entry.attempts)}`
  if (entry.failures !== before.failures) json += `,"l":${numberText(entry.failures)}`
  if (entry.bytes !== before.bytes) json += `,"b":${numberText(entry.bytes)}`
  if (entry.generation !== before.generation) json += `,"g":${numberText(entry.generation)}`
  if (entry.status !== before.status) json += `,"h":${JSON.stringify(entry.status ?? null)}`
  if (entry.error !== before.error) json += `,"x":${JSON.stringify(entry.error ?? null)}`
  if (entry.redirect !== undefined) json += `,"r":${JSON.stringify(wireOf(entry.redirect))}`
  return json
}

const wireOf = ({status, url, to}: Redirect): NonNullable<WireEntry['r']> => [status, url, to]

/** `first`: the seq in the segment's key. The envelope's checksum has vouched for the text. */
export function decodeSegment(first: number, json: string): readonly JournalEntry[] {
  const wire: readonly WireEntry[] = JSON.parse(json)
  let before = start(first)
  return wire.map((each) => {
    const status = each.h === undefined ? before.status : (each.h ?? undefined)
    const error = each.x === undefined ? before.error : (each.x ?? undefined)
    const entry: JournalEntry = {
      seq: each.n ?? before.seq + 1,
      at: before.at + each.d,
      event: each.e,
      from: each.f ?? before.to,
      to: each.t,
      state: each.s ?? before.state,
      attempts: each.a ?? before.attempts,
      failures: each.l ?? before.failures,
      bytes: each.b ?? before.bytes,
      generation: each.g ?? before.generation,
      ...(status === undefined ? {} : {status}),
      ...(error === undefined ? {} : {error}),
      ...(each.r === undefined ? {} : {redirect: {status: each.r[0], url: each.r[1], to: each.r[2]}}),
    }
    before = entry
    return entry
  })
}
