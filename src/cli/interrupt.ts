/** SIGINT and its like: the first one asks for an orderly end, the second ends the process at once. */

const EXIT_CODES = {SIGINT: 130, SIGTERM: 143, SIGHUP: 129} as const

type Signal = keyof typeof EXIT_CODES

/** A command ended with it because a signal came. */
export function isInterrupt(exitCode: number): boolean {
  return Object.values<number>(EXIT_CODES).includes(exitCode)
}

export interface Interrupts {
  /** Resolves with the exit code at the first signal. */
  readonly asked: Promise<number>
  /** The exit code, once a signal came. */
  readonly code: number | undefined
  stop(): void
}

export function watchInterrupts(): Interrupts {
  let code: number | undefined
  let ask: (code: number) => void = () => {}
  const asked = new Promise<number>((resolve) => {
    ask = resolve
  })
  const onSignal = (signal: NodeJS.Signals) => {
    const each = EXIT_CODES[signal as Signal]
    if (code !== undefined) process.exit(each)
    code = each
    ask(each)
  }
  const signals = Object.keys(EXIT_CODES) as Signal[]
  for (const signal of signals) process.on(signal, onSignal)
  return {
    asked,
    get code() {
      return code
    },
    stop: () => {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}
