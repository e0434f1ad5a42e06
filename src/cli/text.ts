/** Numbers and names as a person reads them. */

import {shortened} from '../domain/given.ts'

/** No path that is there is longer, nor an address that a person can read. */
const LONGEST_PLACE = 4_096

/** A file or an address, as much of it as tells which it is. */
export function placeText(place: string): string {
  return place.length > LONGEST_PLACE ? shortened(place) : place
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** 999 B, 1.5 KiB, 27 MiB. */
export function bytesText(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`
}

export function rateText(bytesPerSecond: number): string {
  return `${bytesText(Math.round(bytesPerSecond))}/s`
}

/** 0.4 s, 12 s, 2 min 05 s, 3 h 07 min. */
export function durationText(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 10) return `${(Math.round(seconds * 10) / 10).toString()} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${twoDigits(Math.floor(whole / 60) % 60)} min`
}

/** Whole percent, rounded down: 100 means all of it. Nothing while the total is unknown. */
export function percentText(bytes: number, total: number): string {
  return total > 0 ? `${Math.min(100, Math.floor((bytes / total) * 100))}%` : ''
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}
