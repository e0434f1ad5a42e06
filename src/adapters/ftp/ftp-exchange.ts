/**
 * One download over FTP as an exchange: the server's replies become the head that the resume ladder judges, the data connection
 * its body. Size and date are asked for once more when all has come: FTP does not hold a file still while it is fetched.
 * A session that has served another exchange is used where there is one, and goes back if nothing went wrong.
 */

import {asTransferError, TransferError} from '../../domain/errors.ts'
import type {BodyReceiver, Exchange, ExchangeEnd, ExchangeRequest} from '../../ports/transport.ts'
import {BodyIntake} from '../http/body-intake.ts'
import {accessOf} from './ftp-access.ts'
import {answerFor, type FileFacts, offsetAsked} from './ftp-answer.ts'
import {StaleSession} from './ftp-control.ts'
import type {DataConnection} from './ftp-data.ts'
import {ftpError} from './ftp-errors.ts'
import {FtpSession, type FtpTools} from './ftp-session.ts'
import type {FtpSessionPool} from './ftp-session-pool.ts'

export interface FtpExchangeSetup {
  readonly request: ExchangeRequest
  readonly receiver: BodyReceiver
  readonly signal: AbortSignal
  readonly tools: FtpTools
  readonly sessions: FtpSessionPool
  /** Epoch ms. */
  readonly now: () => number
}

export class FtpExchange implements Exchange {
  readonly finished: Promise<ExchangeEnd>
  readonly #setup: FtpExchangeSetup
  readonly #origin: string
  /** Absent before there is a request, and after it went back. */
  #session: FtpSession | undefined
  readonly #intake: BodyIntake
  readonly #onAbort = () => this.fail(new TransferError('CANCELED', 'the exchange was aborted', {where: this.#origin}))
  #resolve: (end: ExchangeEnd) => void = () => {}
  #reject: (error: TransferError) => void = () => {}
  #moment: 'connecting' | 'connected' = 'connecting'
  #data: DataConnection | undefined
  /** Bytes of the body that have not come; undefined where its end alone tells. */
  #left: number | undefined
  /** Why it ends; the receiver may still have to take what came before. */
  #failure: TransferError | undefined
  #isDiscarded = false
  #isSettled = false

  constructor(setup: FtpExchangeSetup) {
    this.#setup = setup
    const {request, receiver, signal} = setup
    this.#origin = new URL(request.url).origin
    this.#intake = new BodyIntake(receiver, {
      tellsAtOnce: () => this.#data?.tellsAtOnce === true,
      starved: () => this.#data?.pause(),
      fed: () => this.#data?.resume(),
    })
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    if (signal.aborted) {
      this.#onAbort()
      return
    }
    signal.addEventListener('abort', this.#onAbort, {once: true})
    this.#run().catch((thrown) => this.#failed(this.#errorOf(thrown)))
  }

  get received(): number {
    return this.#intake.received
  }

  get sent(): number {
    return 0
  }

  get given(): number {
    return 0
  }

  flush(): void {
    if (!this.#isSettled) this.#guard(() => this.#intake.flush())
  }

  resume(): void {
    if (!this.#isSettled) this.#guard(() => this.#intake.resume())
  }

  /** Fails where it is connected from one of these. */
  addressesGone(addresses: ReadonlySet<string>): void {
    const error = this.#session?.goneFrom(addresses)
    if (error !== undefined) this.#failed(this.#errorOf(error))
  }

  #errorOf(thrown: unknown): TransferError {
    return ftpError(thrown, this.#origin, this.#moment, this.#setup.request.serverCredential?.password)
  }

  fail(error: TransferError): void {
    this.#settle(() => this.#reject(error))
  }

  /** The wire's failure: the receiver has first what came before it. */
  #failed(error: TransferError): void {
    if (this.#isSettled || this.#data === undefined || this.#isDiscarded) this.fail(error)
    else {
      // What comes behind it, as the close of the connection, is its consequence.
      const first = this.#failure ?? error
      this.#failure = first
      this.#guard(() => this.#intake.end(() => this.fail(first)))
    }
  }

  async #run(): Promise<void> {
    const {request, receiver, now} = this.#setup
    const path = pathOf(new URL(request.url))
    if (request.method !== 'GET' || request.body !== undefined) throw unsupported('only plain downloads', this.#origin)
    const entered = await this.#enter(path)
    if (entered === undefined) return
    const {session, facts} = entered
    const offset = offsetAsked(request, facts)
    const isBeyond = facts.size !== undefined && offset >= facts.size && offset > 0
    if (isBeyond) {
      this.#guard(() => receiver.responded(answerFor(request, facts, true, now()).head))
      this.#succeed()
      return
    }
    await session.prepare()
    const mayRest = await session.begins(offset)
    const answer = answerFor(request, facts, mayRest, now())
    this.#left = answer.length
    await session.retrieve(path, (data) => this.#begin(data, answer.head))
    if (this.#isSettled) return
    await this.#proveEnd(session, path, facts)
    if (this.#isSettled) return
    this.#giveBack(session)
    this.#succeed()
  }

  /** What the server says of the file, over a session that is there already, if it answers, or over a new one; undefined when all is over. */
  async #enter(path: string): Promise<{readonly session: FtpSession; readonly facts: FileFacts} | undefined> {
    const {request, receiver, sessions, tools} = this.#setup
    const access = accessOf(request)
    const idle = sessions.take(access)
    if (idle !== undefined) {
      this.#session = idle
      this.#moment = 'connected'
      this.#guard(() => receiver.connected())
      if (this.#isSettled) return undefined
      try {
        return {session: idle, facts: await idle.factsOf(path)}
      } catch (thrown) {
        if (this.#isSettled || !(thrown instanceof StaleSession)) throw thrown
      }
      idle.close()
      sessions.giveUp(access)
      this.#moment = 'connecting'
    }
    const session = new FtpSession(access, tools)
    this.#session = session
    await session.connect()
    if (this.#isSettled) return undefined
    this.#moment = 'connected'
    // Once for an exchange, whatever it takes.
    if (idle === undefined) this.#guard(() => receiver.connected())
    await session.logIn()
    return {session, facts: await session.factsOf(path)}
  }

  #giveBack(session: FtpSession): void {
    if (!session.isReady) return
    this.#session = undefined
    this.#setup.sessions.keep(session)
  }

  #begin(data: DataConnection, head: Parameters<BodyReceiver['responded']>[0]): void {
    if (this.#isSettled) return
    this.#data = data
    this.#guard(() => {
      if (this.#setup.receiver.responded(head) === 'discard') {
        this.#isDiscarded = true
        this.#succeed()
      }
    })
    if (this.#isSettled) return
    data.readInto({
      memory: () => this.#memory(),
      bytes: (bytes) => this.#guard(() => this.#take(bytes)),
    })
  }

  /** Room for what the connection reads next. */
  #memory(): Buffer | undefined {
    let memory: Buffer | undefined
    if (!this.#isSettled) {
      this.#guard(() => {
        memory = this.#intake.memory()
      })
    }
    return memory
  }

  #take(bytes: Buffer): void {
    if (this.#isSettled) return
    if (this.#left === undefined) {
      this.#intake.take(bytes)
      return
    }
    // Beyond the range that was asked for nothing is wanted; beyond the size that was said it is another file.
    const wanted = bytes.subarray(0, this.#left)
    this.#left -= wanted.length
    if (wanted.length > 0) this.#intake.take(wanted)
    if (wanted.length < bytes.length) this.#surplus()
  }

  #surplus(): void {
    const {headers} = this.#setup.request
    const isRange = headers.some(([name, value]) => name.toLowerCase() === 'range' && !value.endsWith('-'))
    if (!isRange) {
      this.#data?.destroy()
      this.#failed(this.#changed())
      return
    }
    this.#data?.pause()
    this.#succeed()
  }

  async #proveEnd(session: FtpSession, path: string, before: FileFacts): Promise<void> {
    if (this.#left !== undefined && this.#left > 0) {
      throw new TransferError('TRUNCATED', `the body ended ${this.#left} bytes early`, {where: this.#origin})
    }
    const after = await session.factsOf(path)
    if (after.size !== before.size || after.modifiedAt !== before.modifiedAt) throw this.#changed()
  }

  #changed(): TransferError {
    return new TransferError('UNRELIABLE_RANGES', 'the file was changed while it was fetched', {
      where: this.#origin,
      details: {startOver: true},
    })
  }

  #succeed(): void {
    const framing = this.#left === undefined ? 'close' : 'length'
    const end = (bodyLength: number) => this.#settle(() => this.#resolve({bodyLength, framing}))
    if (this.#isDiscarded || this.#data === undefined) end(0)
    else this.#intake.end(() => end(this.#intake.received))
  }

  #settle(tell: () => void): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#setup.signal.removeEventListener('abort', this.#onAbort)
    this.#intake.drop()
    this.#session?.close()
    tell()
  }

  /** A receiver that throws ends its exchange, not the process. */
  #guard(run: () => void): void {
    try {
      run()
    } catch (thrown) {
      this.fail(asTransferError(thrown))
    }
  }
}

/** Below where the login leads (RFC 1738, 3.2.2); %2F at the start means the root. */
function pathOf({pathname, origin}: URL): string {
  const [path = '', type] = pathname.slice(1).split(';type=')
  if (type !== undefined && type.toLowerCase() !== 'i') throw unsupported('only binary files (;type=i)', origin)
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    decoded = path
  }
  if (decoded === '' || decoded.endsWith('/')) throw unsupported('files, and no directories', origin)
  if (/[\r\n\0]/.test(decoded))
    throw new TransferError('INVALID_ARGUMENT', 'the path holds a line break', {where: origin})
  return decoded
}

function unsupported(what: string, where: string): TransferError {
  return new TransferError('NOT_SUPPORTED', `over FTP there are ${what}`, {where})
}
