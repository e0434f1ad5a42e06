/** What the name of a protocol may be: records and options hold it. */

export const PROTOCOL_NAME_RULE = 'must be 1 to 64 letters, digits, dots and dashes'

export function isProtocolName(name: unknown): boolean {
  return typeof name === 'string' && /^[\w.-]{1,64}$/.test(name)
}
