/**
 * A FileSink for simulations: the real sink's logic over a disk in memory that can lose power. Take `sink` anew after
 * `kill` and `crash`; calls of the old one never settle, as those of a dead process do not.
 */

import {createFileSink} from '../../src/adapters/file/file-sink.ts'
import type {FileSink} from '../../src/ports/file-sink.ts'
import type {Random} from '../../src/ports/random.ts'
import {type FileCall, intercepted, NthFault} from './intercepted-files.ts'
import {MemoryDisk} from './memory-disk.ts'

export interface MemorySinkOptions {
  readonly durability: 'power' | 'process'
  /** Directories that exist. */
  readonly directories: readonly string[]
}

export class MemorySink {
  readonly disk: MemoryDisk
  readonly #durability: MemorySinkOptions['durability']
  #fault: NthFault | undefined
  #sink: FileSink

  constructor({durability, directories}: MemorySinkOptions) {
    this.disk = new MemoryDisk(...directories)
    this.#durability = durability
    this.#sink = this.#boot()
  }

  /** The sink of the present process. */
  get sink(): FileSink {
    return this.#sink
  }

  /** From now on counted, the n-th call to the disk (of one kind, or of all) fails once with this errno code. */
  failNth(nth: number, code: string, only?: FileCall): NthFault {
    this.#fault = new NthFault(nth, code, only)
    return this.#fault
  }

  kill(): void {
    this.disk.kill()
    this.#sink = this.#boot()
  }

  crash(random?: Random): void {
    this.disk.crash(random)
    this.#sink = this.#boot()
  }

  #boot(): FileSink {
    this.#fault = undefined
    const files = intercepted(this.disk.fileSystem(), (call) => this.#fault?.before(call))
    return createFileSink({durability: this.#durability, mode: 0o644, files})
  }
}
