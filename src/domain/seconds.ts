/** Times as flags have them, in seconds: for the commands, and for whoever looks at what a command would make of its flags. */

/** As many as a timer takes. */
export const MAX_SECONDS = (2 ** 31 - 1) / 1000

/** Whole ms of seconds with or without a fraction; NaN for what is no such time. */
export function msOfSeconds(text: string): number {
  const value = /^\d+(\.\d*)?$|^\.\d+$/.test(text) ? Number(text) : Number.NaN
  return value <= MAX_SECONDS ? Math.round(value * 1000) : Number.NaN
}
