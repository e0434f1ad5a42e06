/**
 * A client's link to the host of its store: its session there, the stream of what it is told, and what goes beside the calls. The
 * chart makes it again for as long as the host may come back (host-link.machine.ts); whoever needs a host waits for one here.
 */

import {createActor, fromCallback, fromPromise, type SnapshotFrom, waitFor} from 'xstate'
import {type HostLinkActor, hostLinkMachine} from '../../machines/host-link.machine.ts'
import {asTransferError, TransferError} from '../domain/errors.ts'
import type {Hello, HostMessage} from '../host/protocol.ts'
import type {Clock} from '../ports/clock.ts'
import {HEIR_HEADER, HOST_API_VERSION, type HostBytes, type HostConnection} from '../ports/host-connection.ts'
import type {StreamCopy} from '../ports/stream-copies.ts'

export type Welcome = HostMessage & {readonly type: 'welcome'}
/** Whatever comes behind the welcome. */
export type Told = Exclude<HostMessage, Welcome>

export interface HostLinkPorts {
  readonly connection: HostConnection
  readonly clock: Clock
}

export interface HostLinkOptions {
  /** A fresh guid: under it the host knows this client again. */
  readonly session: string
  readonly app: string | undefined
  /** It takes the place of a host that goes away, and is a host then. */
  readonly isHeir: boolean
  /** ms to wait for a host that went away, and for one that is expected. */
  readonly patienceMs: number
  readonly firstPatienceMs: number
  /** The host went away, and may not come back by itself. */
  readonly onHostGone: () => void
  /** The link stands. What is called now is the first that this stream's host hears. */
  readonly onWelcome: (welcome: Welcome, isFirst: boolean) => void
  readonly onTold: (message: Told) => void
  /** The host takes what it is asked, and has said nothing for a while; and then that this is over. */
  readonly onSilence: (isSilent: boolean) => void
  /** Nobody is there to be asked; another `onWelcome` or `onOver` follows. */
  readonly onBroken: () => void
  /** Nothing more will come. Once. */
  readonly onOver: (why: TransferError) => void
}

const HELLO = '/api/v1/hello'

export class HostLink {
  readonly #connection: HostConnection
  readonly #options: HostLinkOptions
  readonly #actor: HostLinkActor
  #host: Hello | undefined
  #life = 0
  #isClosing = false

  constructor({connection, clock}: HostLinkPorts, options: HostLinkOptions) {
    this.#connection = connection
    this.#options = options
    const {patienceMs, firstPatienceMs, onHostGone, onSilence} = options
    this.#actor = createActor(
      hostLinkMachine().provide({
        actors: {
          followStream: fromCallback(({sendBack}) => this.#follow(sendBack)),
          askHost: fromPromise(async ({signal}) => void (await connection.ask('GET', HELLO, undefined, signal))),
          sayGoodbye: fromPromise(
            async ({signal}) => void (await connection.ask('DELETE', this.#session, undefined, signal)),
          ),
        },
        actions: {
          offerSuccession: () => onHostGone(),
          // Behind the step of the chart: whoever is told asks how it stands.
          tellSilence: () => queueMicrotask(() => onSilence(true)),
          tellSilenceEnded: () => queueMicrotask(() => onSilence(false)),
          letGo: ({context}) => this.#over(context.error),
        },
      }),
      {input: {patienceMs, firstPatienceMs, address: connection.address}, clock},
    )
  }

  /** Resolves once the link stands. Rejects with HOST_UNREACHABLE, HOST_VERSION, FILE_ACCESS, INVALID_ARGUMENT (`app`). */
  async open(): Promise<void> {
    this.#actor.start()
    const snapshot = await this.#settled()
    if (!snapshot.hasTag('linked')) throw asTransferError(snapshot.context.error)
  }

  /**
   * Says goodbye behind `last`, which settles at the latest with `onOver`: neither another host nor one that says nothing is waited
   * for long. Resolves when the link has ended. Idempotent.
   */
  async close(last: () => Promise<void>): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true
      if (this.#actor.getSnapshot().status === 'active') this.#actor.send({type: 'client.leave'})
      await last()
      if (this.#actor.getSnapshot().status === 'active') this.#actor.send({type: 'client.close'})
    }
    await waitFor(this.#actor, ({status}) => status !== 'active', {timeout: Number.POSITIVE_INFINITY})
    this.#connection.close()
  }

  /** Who answers now, or did last. */
  get host(): Hello | undefined {
    return this.#host
  }

  /** The host takes what it is asked, and says nothing. */
  get isSilent(): boolean {
    return this.#actor.getSnapshot().hasTag('silent')
  }

  /** Throws CLOSED when the link is over. */
  demandOpen(): void {
    if (this.#actor.getSnapshot().hasTag('over')) throw closed()
  }

  /** It was found broken by whoever asked. */
  lost(error: unknown): void {
    if (this.#actor.getSnapshot().status === 'active') this.#actor.send({type: 'link.lost', error})
  }

  /** Resolves when the host has taken the calls. */
  post(calls: string): Promise<unknown> {
    return this.#connection.ask('POST', `${this.#session}/calls`, calls)
  }

  /** Which life of its session this is: with another one, the host knows nothing of what it was given before. */
  get life(): number {
    return this.#life
  }

  /**
   * Gives a stream to the host that is there, and to the next one where that did not live to take it, each time from its start.
   * Resolves with the answer, and whose life it is good for.
   */
  send(
    path: string,
    copy: StreamCopy,
    signal?: AbortSignal,
  ): Promise<{readonly answer: unknown; readonly life: number}> {
    const give = async () => {
      const life = this.#life
      return {answer: await this.#connection.send(`${this.#session}/${path}`, copy.read(), signal), life}
    }
    return this.#askAnyHost(give, () => copy.failure !== undefined, signal)
  }

  /** Of the host that is there now. */
  stream(path: string): AsyncIterable<Uint8Array> {
    return this.#connection.stream(`${this.#session}/${path}`)
  }

  /** A read that the host did not live to answer is asked of the next one. */
  read(path: string, into: Uint8Array, signal: AbortSignal): Promise<HostBytes> {
    const read = () => this.#connection.read(`${this.#session}/${path}`, into, signal)
    return this.#askAnyHost(read, () => false, signal)
  }

  /** `isOver`: another host could not answer it either. */
  async #askAnyHost<Answer>(
    ask: () => Promise<Answer>,
    isOver: () => boolean,
    signal: AbortSignal | undefined,
  ): Promise<Answer> {
    for (;;) {
      await this.#untilLinked(signal)
      const host = this.#host
      try {
        return await ask()
      } catch (thrown) {
        const {code} = asTransferError(thrown)
        const isHostGone = code === 'HOST_UNREACHABLE' || code === 'CLOSED' || code === 'NOT_SUPPORTED'
        if (!isHostGone || isOver() || signal?.aborted === true) throw thrown
        // Its own connection may be all that broke, and then nothing else would make the link anew.
        if (code === 'HOST_UNREACHABLE' && this.#host === host) this.lost(thrown)
        // Until the stream has broken, too, or has been made again.
        await waitFor(this.#actor, (each) => !each.hasTag('linked') || this.#host !== host, {
          timeout: Number.POSITIVE_INFINITY,
          ...(signal === undefined ? {} : {signal}),
        })
      }
    }
  }

  get #session(): string {
    return `/api/v1/session/${this.#options.session}`
  }

  #follow(sendBack: (event: Parameters<HostLinkActor['send']>[0]) => void): () => void {
    const {session, app, isHeir, onWelcome, onTold, onBroken} = this.#options
    const lost = (error: unknown) => {
      const {code} = asTransferError(error)
      const isFinal = code === 'HOST_VERSION' || code === 'FILE_ACCESS' || code === 'INVALID_ARGUMENT'
      sendBack({type: isFinal ? 'link.refused' : 'link.lost', error})
    }
    const next = (message: unknown) => {
      const told = message as HostMessage
      if (told.type !== 'welcome') {
        onTold(told)
        return
      }
      const isFirst = this.#host === undefined
      this.#host = told.hello
      if (!told.resumed) this.#life += 1
      onWelcome(told, isFirst)
      sendBack({type: 'link.welcomed'})
    }
    const name = app === undefined ? '' : `&app=${encodeURIComponent(app)}`
    const path = `/api/v1/session?id=${session}&api=${HOST_API_VERSION}${name}`
    const stop = this.#connection.follow(path, next, lost, isHeir ? {[HEIR_HEADER]: '1'} : {})
    return () => {
      onBroken()
      stop()
    }
  }

  async #untilLinked(signal?: AbortSignal): Promise<void> {
    const snapshot = await this.#settled(signal)
    if (snapshot.hasTag('linked')) return
    const {error} = snapshot.context
    throw error === undefined || this.#isClosing ? closed() : asTransferError(error)
  }

  /** Resolves when the link stands, or is over. */
  #settled(signal?: AbortSignal): Promise<SnapshotFrom<HostLinkActor>> {
    return waitFor(this.#actor, (each) => each.hasTag('linked') || each.hasTag('over'), {
      timeout: Number.POSITIVE_INFINITY,
      ...(signal === undefined ? {} : {signal}),
    })
  }

  #over(error: unknown): void {
    this.#options.onOver(error === undefined || this.#isClosing ? closed() : asTransferError(error))
    if (!this.#isClosing) this.#connection.close()
  }
}

/** Of whatever is asked when nobody is there any more. */
export function closed(): TransferError {
  return new TransferError('CLOSED', 'the engine was closed before the operation ended', {
    advice: 'connect again: the operation is kept, and can be attached to',
  })
}
