/**
 * The control connection: TCP, TLS and login, then commands, one at a time, and whether replies keep step with them. basic-ftp drops a
 * reply that comes while nothing was asked, and takes one that comes too late for that of the next command: a connection that got a
 * reply too many may end what it does, and serves nobody else.
 *
 *   ready ──ask──▶ asked ──reply──▶ ready ──rest──▶ resting ──wake──▶ woken ──ask──▶ asked
 *   lost: something came that was not asked for, or was no proper reply. For good.
 *
 * A server may leave a connection that rests: where the first command after `wake` shows that, it fails as StaleSession.
 * The timeouts of basic-ftp are off, because waiting is for the chart.
 */

import type {Socket} from 'node:net'
import {type ConnectionOptions, TLSSocket} from 'node:tls'
import type {FTPResponse} from 'basic-ftp'
import {isRefusal} from './ftp-errors.ts'
import {WholeReplies} from './whole-replies.ts'

/** The server had left the session before it was asked; nothing of what was asked now was answered. */
export class StaleSession extends Error {}

/** Going away; not logged in (any more). */
const LEFT: ReadonlySet<number> = new Set([421, 530])

export class FtpControl {
  readonly #client = new WholeReplies()
  #state: 'ready' | 'asked' | 'resting' | 'woken' | 'lost' = 'ready'
  /** While it rests: what is to be done when it is over with it. */
  #whenOver: () => void = () => {}

  /** Every command has had its reply, and nothing else came. */
  get isReady(): boolean {
    return this.#state === 'ready' && !this.#client.closed
  }

  get socket(): Socket {
    return this.#client.ftp.socket
  }

  /** What data connections show to be known by; undefined without TLS. */
  get tlsSession(): Buffer | undefined {
    const {socket, tlsSessionStore} = this.#client.ftp
    return tlsSessionStore ?? (socket instanceof TLSSocket ? socket.getSession() : undefined)
  }

  async connect(host: string, port: number): Promise<void> {
    await this.#client.connect(host, port)
  }

  async connectImplicitTls(host: string, port: number, options: ConnectionOptions): Promise<void> {
    await this.#client.connectImplicitTLS(host, port, options)
  }

  async secure(options: ConnectionOptions): Promise<void> {
    await this.#client.useTLS(options)
  }

  /** From then on replies are watched: there is no other socket to come. */
  async logIn(userName: string, password: string): Promise<void> {
    await this.#client.login(userName, password)
    const over = () => this.#whenOver()
    // Before basic-ftp, which stops listening when it hears of an end.
    this.socket
      .prependListener('data', () => this.#came())
      .prependListener('end', over)
      .prependListener('error', over)
      .prependListener('close', over)
      .prependListener('timeout', over)
  }

  /**
   * Resolves with the final reply, and rejects with a refusal. `proper`: what that reply looks like where all is well; `heard` is called
   * with each reply that is no refusal, within the read that brought it.
   */
  async ask(command: string, proper: RegExp, heard?: () => void): Promise<string> {
    const isFirst = this.#state === 'woken'
    if (this.#state !== 'lost') this.#state = 'asked'
    const reply = await this.#replyTo(command, heard).catch((thrown: unknown) => {
      if (isFirst && !(isRefusal(thrown) && !LEFT.has(thrown.code))) throw new StaleSession(command, {cause: thrown})
      throw thrown
    })
    if (!proper.test(reply)) {
      this.#state = 'lost'
      if (isFirst) throw new StaleSession(command)
    }
    return reply
  }

  /** Keeps no process alive, and is over after `idleMs`, or with whatever comes: `over` is called, and has to close. */
  rest(idleMs: number, over: () => void): void {
    this.#state = 'resting'
    this.#whenOver = over
    this.socket.setTimeout(idleMs).unref()
  }

  wake(): void {
    this.#state = 'woken'
    this.#whenOver = () => {}
    this.socket.setTimeout(0).ref()
  }

  close(): void {
    this.#client.close()
  }

  #replyTo(command: string, heard?: () => void): Promise<string> {
    let isAnswered = false
    return this.#client.ftp.handle(command, (reply: Error | FTPResponse, task) => {
      // Another reply, or the end of the connection: it takes nothing back.
      if (isAnswered) {
        this.#state = 'lost'
        return
      }
      if (reply instanceof Error && !isRefusal(reply)) {
        task.reject(reply)
        return
      }
      if (!(reply instanceof Error)) heard?.()
      if (reply.code < 200) return
      isAnswered = true
      // Not at once: another reply of the same read is to be heard here, and not to be dropped.
      queueMicrotask(() => {
        if (this.#state === 'asked') this.#state = 'ready'
        if (reply instanceof Error) task.reject(reply)
        else task.resolve(reply.message)
      })
    })
  }

  #came(): void {
    if (this.#state === 'asked') return
    this.#state = 'lost'
    this.#whenOver()
  }
}
