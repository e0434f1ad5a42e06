/** Names come from servers and lists: what of them may be shown to people as it is. */

/** One line that cannot steer a terminal, nor turn the order in which the letters of a page are read. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, '?')
}

/** What printable masks, but for the line breaks of JSON itself, which has no control characters below these. */
const STEERING_IN_JSON = /[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** JSON that cannot either: whoever parses it reads what is there. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(
    STEERING_IN_JSON,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
