/**
 * Calls on their way to a host, in the order in which they were made: one batch at a time, each call kept until its answer came.
 * After a break all of them are sent again under their ids, by which the host knows what it has done.
 */

import {fromTold, type ToldError} from '../domain/error-chain.ts'
import {asTransferError, TransferError} from '../domain/errors.ts'
import type {CallAnswer, CallInput, CallName} from '../host/protocol.ts'
import {MOST_JSON_BYTES} from '../ports/host-connection.ts'

interface Pending {
  readonly id: number
  readonly name: CallName
  readonly input: unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly prepare: () => Promise<unknown> | undefined
}

export interface CallQueueOptions {
  /** Resolves when the host has taken the batch, which is JSON. */
  readonly post: (batch: string) => Promise<unknown>
  /** The host cannot be asked any more over this link. */
  readonly onBroken: (error: unknown) => void
}

const MOST_IN_BATCH = 1_000
/** Of all calls of a batch, with room for what stands around them. */
const MOST_BATCH_BYTES = MOST_JSON_BYTES - 1_000

/** What outlives the client that asked it, once the host has heard it. The rest are questions, or end with the client anyway. */
const LASTING: ReadonlySet<CallName> = new Set<CallName>([
  'start',
  'attach',
  'resumeAll',
  'pause',
  'resume',
  'retry',
  'cancel',
  'changePolicy',
  'changeRequest',
  'makeCurrent',
  'move',
  'forget',
  'setPrefetch',
  'setBehavior',
  'limitRate',
  'limitGroupRate',
  'pauseGroup',
  'resumeGroup',
  'cancelGroup',
  'enableCompletionGroup',
  'registerTask',
  'unregisterTask',
])

export class CallQueue {
  readonly #options: CallQueueOptions
  readonly #pending = new Map<number, Pending>()
  readonly #preparing = new Set<Pending>()
  #unsent: Pending[] = []
  #nextId = 0
  #isLinked = false
  #isPosting = false
  #closed: TransferError | undefined
  #hasLost = false
  #idle: (() => void)[] = []

  constructor(options: CallQueueOptions) {
    this.#options = options
  }

  call<Name extends CallName>(name: Name, input: CallInput<Name>): Promise<CallAnswer<Name>> {
    return this.callAnd(name, input, (answer) => answer)
  }

  /**
   * Uses the answer in the turn in which it is heard. The stream is in order: what was told before it has been heard, and what was
   * told after it must not be overtaken by it. `prepare`: what the host needs before it hears the call, and may have to be given anew
   * after a break; undefined where it has that.
   */
  callAnd<Name extends CallName, Used>(
    name: Name,
    input: CallInput<Name>,
    use: (answer: CallAnswer<Name>) => Used,
    prepare: () => Promise<unknown> | undefined = () => undefined,
  ): Promise<Used> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    return new Promise((resolve, reject) => {
      // What cannot be used fails its call, and not the stream that brought it.
      const answered = (value: unknown) => {
        try {
          resolve(use(value as CallAnswer<Name>))
        } catch (thrown) {
          reject(thrown)
        }
      }
      const pending: Pending = {id: this.#nextId, name, input, resolve: answered, reject, prepare}
      this.#nextId += 1
      this.#pending.set(pending.id, pending)
      this.#queue(pending)
      this.#flush()
    })
  }

  /** Nobody waits for the answer: what is refused was too late, and that the link is over is heard by whoever waits for anything. */
  tell<Name extends CallName>(
    name: Name,
    input: CallInput<Name>,
    use: (answer: CallAnswer<Name>) => void = () => {},
  ): void {
    this.callAnd(name, input, use).catch(() => undefined)
  }

  /** The link stands. What `first` calls goes before everything that waits. */
  linked(first: () => void): void {
    const waiting = [...this.#pending.values()]
    this.#unsent = []
    first()
    for (const pending of waiting) this.#queue(pending)
    this.#isLinked = true
    this.#flush()
  }

  broken(): void {
    this.#isLinked = false
    this.#wakeIdle()
  }

  answered(id: number, value: unknown, error: ToldError | undefined): void {
    const pending = this.#pending.get(id)
    // An engine that closes under its host answers nothing any more; the next host will.
    if (pending === undefined || error?.code === 'CLOSED') return
    this.#settle(pending, () => {
      if (error === undefined) pending.resolve(value)
      else pending.reject(fromTold(error))
    })
  }

  /** Resolves when every call was answered, or there is nobody to answer those that are left, of which nothing lasts. */
  async idle(): Promise<void> {
    do {
      if (!this.#isIdle) await new Promise<void>((resolve) => this.#idle.push(resolve))
      // Whoever hears an answer may ask more at once, as a cancel does that waited for its start.
      await new Promise((resolve) => setImmediate(resolve))
    } while (!this.#isIdle)
  }

  /** It was closed before a call was answered that should have changed something: whether it has, nobody knows. */
  get hasLost(): boolean {
    return this.#hasLost
  }

  /** Nothing is called any more; what waits is rejected. */
  close(error: TransferError): void {
    this.#closed ??= error
    this.#hasLost ||= this.#isToChangeSomething
    for (const pending of [...this.#pending.values()]) this.#settle(pending, () => pending.reject(error))
  }

  /** Those behind it do not wait for one that is prepared: it goes out when that is done, to whoever is the host by then. */
  #queue(pending: Pending): void {
    if (this.#preparing.has(pending)) return
    const preparing = pending.prepare()
    if (preparing === undefined) {
      this.#unsent.push(pending)
      return
    }
    this.#preparing.add(pending)
    preparing.then(
      () => {
        this.#preparing.delete(pending)
        if (this.#pending.has(pending.id)) this.#queue(pending)
        this.#flush()
      },
      (error) => {
        this.#preparing.delete(pending)
        this.#settle(pending, () => pending.reject(error))
      },
    )
  }

  #settle(pending: Pending, how: () => void): void {
    this.#pending.delete(pending.id)
    how()
    this.#wakeIdle()
  }

  get #isIdle(): boolean {
    return this.#pending.size === 0 || (!this.#isLinked && !this.#isToChangeSomething)
  }

  get #isToChangeSomething(): boolean {
    return [...this.#pending.values()].some(({name}) => LASTING.has(name))
  }

  #wakeIdle(): void {
    if (this.#idle.length === 0 || !this.#isIdle) return
    for (const wake of this.#idle.splice(0)) wake()
  }

  /** In a microtask: what is called in one turn goes in one batch. */
  #flush(): void {
    if (!this.#isLinked || this.#isPosting || this.#unsent.length === 0) return
    this.#isPosting = true
    queueMicrotask(() => void this.#postAll())
  }

  async #postAll(): Promise<void> {
    while (this.#isLinked && this.#unsent.length > 0) {
      const {batch, texts} = this.#nextBatch()
      if (batch.length === 0) continue
      const [oldest] = this.#pending.keys()
      const settled = Math.min(oldest ?? this.#nextId, ...batch.map(({id}) => id))
      try {
        await this.#options.post(`{"settled":${settled},"calls":[${texts.join(',')}]}`)
      } catch (thrown) {
        this.#failed(batch, thrown)
      }
    }
    this.#isPosting = false
  }

  /** As many as the host takes at once. Those that it would never take are refused here, and keep nobody from being heard. */
  #nextBatch(): {readonly batch: readonly Pending[]; readonly texts: readonly string[]} {
    const batch: Pending[] = []
    const texts: string[] = []
    let bytes = 0
    let seen = 0
    for (const pending of this.#unsent.slice(0, MOST_IN_BATCH)) {
      try {
        const text = textOf(pending)
        const size = Buffer.byteLength(text) + 1
        if (bytes + size > MOST_BATCH_BYTES) break
        bytes += size
        batch.push(pending)
        texts.push(text)
      } catch (thrown) {
        this.#settle(pending, () => pending.reject(thrown))
      }
      seen += 1
    }
    this.#unsent.splice(0, seen)
    return {batch, texts}
  }

  #failed(batch: readonly Pending[], thrown: unknown): void {
    const error = asTransferError(thrown)
    if (error.code === 'INVALID_ARGUMENT') {
      for (const pending of batch) this.#settle(pending, () => pending.reject(error))
      return
    }
    // They are sent again with everything else once there is a link.
    this.broken()
    this.#options.onBroken(error)
  }
}

/** Throws INVALID_ARGUMENT for what no host takes. */
function textOf({id, name, input}: Pending): string {
  try {
    const text = JSON.stringify({id, name, input})
    if (Buffer.byteLength(text) < MOST_BATCH_BYTES) return text
  } catch (thrown) {
    // Longer than any text may be.
    if (!(thrown instanceof RangeError)) throw asTransferError(thrown)
  }
  const most = `${MOST_JSON_BYTES / 1024 ** 2} MiB`
  throw new TransferError('INVALID_ARGUMENT', `the call is larger than the ${most} that a host takes at once`, {
    where: name,
    advice: 'give less in one call, and large bodies as files or streams',
  })
}
