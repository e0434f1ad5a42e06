/** Keeps what the system bus says up to date: one read at a time, and a bus that is away is looked for again. */

import {type BusReading, SystemBus} from './system-bus.ts'

/** How many looks pass before a bus that was not there, or went away, is looked for again. */
const LOOKS_BETWEEN_CONNECTS = 12

const UNHEARD = {changed: () => undefined, lost: () => undefined}

export class BusWatch {
  reading: BusReading = {}
  readonly #address: string
  readonly #onChange: () => void
  #bus: SystemBus | undefined
  #isWatching = false
  #isConnecting = false
  #isReading = false
  #isStale = false
  #looksToConnect = 0

  constructor(address: string, onChange: () => void) {
    this.#address = address
    this.#onChange = onChange
  }

  /** Without watching: so that what the bus says is known from the first moment. */
  async readOnce(): Promise<void> {
    const bus = await SystemBus.connect(this.#address, UNHEARD)
    if (bus === undefined) return
    this.reading = await bus.read()
    bus.close()
  }

  start(): void {
    this.#isWatching = true
    void this.#connect()
  }

  stop(): void {
    this.#isWatching = false
    this.#bus?.close()
    this.#bus = undefined
  }

  /** To be called at each look at the machine. */
  look(): void {
    if (this.#bus !== undefined) return
    this.#looksToConnect -= 1
    if (this.#looksToConnect <= 0) void this.#connect()
  }

  async #connect(): Promise<void> {
    if (this.#isConnecting || this.#bus !== undefined) return
    this.#isConnecting = true
    this.#looksToConnect = LOOKS_BETWEEN_CONNECTS
    const bus = await SystemBus.connect(this.#address, {
      changed: () => void this.#read(),
      lost: () => this.#lost(),
    })
    this.#isConnecting = false
    if (!this.#isWatching) {
      bus?.close()
      return
    }
    if (bus === undefined) return
    this.#bus = bus
    bus.watch()
    await this.#read()
  }

  /** What changes while a read is under way is read again. */
  async #read(): Promise<void> {
    this.#isStale = true
    if (this.#isReading) return
    this.#isReading = true
    while (this.#isStale && this.#bus !== undefined) {
      this.#isStale = false
      const bus = this.#bus
      const reading = await bus.read()
      if (bus !== this.#bus) continue
      this.reading = reading
      this.#onChange()
    }
    this.#isReading = false
  }

  #lost(): void {
    this.#bus = undefined
    this.reading = {}
    this.#onChange()
  }
}
