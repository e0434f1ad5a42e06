/** Names come from servers and lists: what of them may be shown to people as it is. */

/** One line that cannot steer a terminal, nor turn the order in which the letters of a page are read. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, '?')
}
