/**
 * The texts that JSON.stringify makes of single values, for the codecs that put their JSON together by hand: calling it for each
 * of them would cost more than calling it once for the whole.
 */

export function numberText(value: number): string {
  return Number.isFinite(value) ? `${value}` : 'null'
}

/** Names come from the charts, so there are few; should there be many, those beyond these are written each time. */
const MOST_NAMES = 1000

const names = new Map<string, string>()

/** For a text out of a small set. */
export function nameText(name: string): string {
  const known = names.get(name)
  if (known !== undefined) return known
  const text = JSON.stringify(name)
  if (names.size < MOST_NAMES) names.set(name, text)
  return text
}
