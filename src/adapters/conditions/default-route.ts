/** Whether Linux knows a way out: its routing tables as /proc/net shows them. */

import type {ReadText} from './read-text.ts'

const RTF_UP = 1
const LOOPBACK = 'lo'
const ANYWHERE_4 = '00000000'
const ANYWHERE_6 = '0'.repeat(32)

/** False also where there is no such table. */
export function hasDefaultRoute(read: ReadText): boolean {
  return rowsOf(read('/proc/net/route')).some(isDefault4) || rowsOf(read('/proc/net/ipv6_route')).some(isDefault6)
}

function rowsOf(table: string | undefined): readonly (readonly string[])[] {
  return (table ?? '').split('\n').map((line) => line.trim().split(/\s+/))
}

/** Interface, destination, gateway, flags, … */
function isDefault4([name, destination, , flags = '']: readonly string[]): boolean {
  return destination === ANYWHERE_4 && name !== LOOPBACK && (Number.parseInt(flags, 16) & RTF_UP) !== 0
}

/** Destination, its prefix, …, flags, interface. The kernel keeps an unreachable default on the loopback. */
function isDefault6(row: readonly string[]): boolean {
  const [destination, prefix] = row
  const [flags = '', name] = row.slice(-2)
  if (destination !== ANYWHERE_6 || prefix !== '00' || name === LOOPBACK) return false
  return (Number.parseInt(flags, 16) & RTF_UP) !== 0
}
