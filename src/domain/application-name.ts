/** What an application may be called, which it says itself where it connects: the name of its rules, and the mark of its operations. */

const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/

/** As the end of a sentence. */
export const APPLICATION_NAME_RULE = '1 to 64 letters, digits, dots and dashes'

export function isApplicationName(name: string): boolean {
  return NAME.test(name)
}
