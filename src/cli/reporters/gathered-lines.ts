/** Lines that are told in one turn go out in one write: of a list of thousands each write costs more than all else about its line. */

export interface LineSink {
  readonly destroyed: boolean
  write(text: string): unknown
}

/** Characters. A list of a million lines is not kept until its turn is over. */
const MOST_AT_ONCE = 64 * 1024

export class GatheredLines {
  readonly #sink: LineSink
  #waiting = ''

  constructor(sink: LineSink) {
    this.#sink = sink
    // A signal, or a fault, may end the process within a turn.
    process.once('exit', this.flush)
  }

  /** `line`: without its end. */
  add(line: string): void {
    if (this.#waiting === '') process.nextTick(this.flush)
    this.#waiting += `${line}\n`
    if (this.#waiting.length >= MOST_AT_ONCE) this.flush()
  }

  /** Before anything else is written there. */
  readonly flush = (): void => {
    const text = this.#waiting
    this.#waiting = ''
    if (text !== '' && !this.#sink.destroyed) this.#sink.write(text)
  }

  /** Nothing more is told. */
  end(): void {
    this.flush()
    process.off('exit', this.flush)
  }
}
