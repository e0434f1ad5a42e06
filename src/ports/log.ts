/** Log: a pino-shaped logger; silent by default. Nothing secret reaches it. */

export interface Log {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
}
