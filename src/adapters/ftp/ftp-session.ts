/**
 * One conversation with an FTP server: connection, TLS, login, what it says of a file, and the data connection that brings it. When that
 * has gone well it may rest, and serve another exchange: what was settled at login (TYPE, PBSZ, PROT) holds for all of its files.
 *
 * The data connection leads to the address that the control connection leads to, whatever a server answers to PASV: else it
 * could have us connect to anybody (RFC 2577).
 */

import {isIP, type Socket} from 'node:net'
import {type ConnectionOptions, TLSSocket, connect as tlsConnect} from 'node:tls'
import {TransferError} from '../../domain/errors.ts'
import {type Egress, isPublicAddress} from '../http/egress.ts'
import {goneFrom} from '../http/gone-address.ts'
import type {TlsOptions} from '../http/tls-options.ts'
import type {FtpAccess} from './ftp-access.ts'
import type {FileFacts} from './ftp-answer.ts'
import {FtpControl} from './ftp-control.ts'
import {DataConnection} from './ftp-data.ts'
import {isRefusal} from './ftp-errors.ts'

export interface FtpTools {
  readonly tls: TlsOptions
  readonly egress?: Egress | undefined
  /** Origins that break off where a session of TLS is offered for the data. */
  readonly strangers: Set<string>
}

/** Replies where all is well. */
const PROPER = {
  settled: /^2/,
  size: /^213\s+(\d{1,15})\b/,
  time: /^213\s+(\d{14}(?:\.\d+)?)/,
  // Names no host (RFC 2428).
  extendedPort: /[(][!-~]{3}(\d{1,5})[!-~][)]/,
  passivePort: /(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})/,
  restart: /^350/,
  transfer: /^(226|250)/,
} as const

export class FtpSession {
  readonly access: FtpAccess
  readonly #control = new FtpControl()
  readonly #tools: FtpTools
  #data: DataConnection | undefined
  /** Of the data connection. */
  #ended: Promise<void> | undefined
  /** Where the server begins unless it is told otherwise; undefined where it has not been asked, or was told and may remember it. */
  #restart: 0 | undefined
  #passiveMode: 'EPSV' | 'PASV' = 'EPSV'
  #isClosed = false

  constructor(access: FtpAccess, tools: FtpTools) {
    this.access = access
    this.#tools = tools
  }

  /** Until TCP, and TLS where asked, stand. */
  async connect(): Promise<void> {
    const {hostname, port, where, tls} = this.access
    this.#tools.egress?.check(hostname, port, where)
    const address = await this.#addressOf(hostname)
    this.#assertOpen()
    if (tls === 'implicit') {
      await this.#control.connectImplicitTls(address, port, this.#tlsOptions())
      return
    }
    await this.#control.connect(address, port)
    if (tls === 'explicit') await this.#secure()
  }

  /** Nothing is said in clear where TLS was asked for. */
  async #secure(): Promise<void> {
    try {
      await this.#control.secure(this.#tlsOptions())
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown
      throw new TransferError('TLS_FAILED', 'the server takes no TLS', {
        where: this.access.where,
        advice: 'ask for it from the first byte on (implicit), or without, if its files are for everybody',
        cause: thrown,
      })
    }
  }

  /** In binary, and with a protected data connection under TLS, or not at all. */
  async logIn(): Promise<void> {
    const {userName, password} = this.access.credential
    await this.#control.logIn(userName, password)
    const isSecure = this.#control.socket instanceof TLSSocket
    for (const setting of isSecure ? ['TYPE I', 'PBSZ 0', 'PROT P'] : ['TYPE I']) {
      await this.#control.ask(setting, PROPER.settled)
    }
  }

  /** Throws StaleSession where the server has left a session that rested. */
  async factsOf(path: string): Promise<FileFacts> {
    const size = await this.#ask(`SIZE ${path}`, PROPER.size)
    const time = await this.#ask(`MDTM ${path}`, PROPER.time)
    return {
      size: size === undefined ? undefined : Number(size),
      modifiedAt: time === undefined ? undefined : epochOf(time),
    }
  }

  /** Opens the data connection. */
  async prepare(): Promise<void> {
    const port = (await this.#extendedPort()) ?? (await this.#passivePort())
    await this.#openData(port)
  }

  /** Whether the next transfer may begin there. */
  async begins(offset: number): Promise<boolean> {
    // A restart ends with the transfer that it was for, but not with all servers: only that to zero needs no other after it.
    if (offset === 0 && this.#restart === 0) return true
    try {
      await this.#control.ask(`REST ${offset}`, PROPER.restart)
      this.#restart = offset === 0 ? 0 : undefined
      return true
    } catch (thrown) {
      if (isRefusal(thrown) && thrown.code >= 500) return false
      throw thrown
    }
  }

  /** Resolves when the server says that it has sent all, and the data connection has ended: one of the two proves nothing. */
  async retrieve(path: string, began: (data: DataConnection) => void): Promise<void> {
    const data = this.#data
    if (data === undefined) throw new TransferError('INTERNAL', 'there is no data connection')
    let hasBegun = false
    const begin = () => {
      if (!hasBegun) began(data)
      hasBegun = true
    }
    try {
      await Promise.race([this.#control.ask(`RETR ${path}`, PROPER.transfer, begin), this.#failureOfData()])
    } finally {
      // What is on its way comes first: it need not be asked for again.
      if (hasBegun) await this.#ended
    }
  }

  /** Nothing is on its way, and nothing is unsaid: another exchange may have it. */
  get isReady(): boolean {
    return !this.#isClosed && this.#control.isReady
  }

  /** `over`: it is of no more use, and to be closed. */
  rest(idleMs: number, over: () => void): void {
    this.#data?.destroy()
    this.#data = undefined
    this.#control.rest(idleMs, over)
  }

  wake(): void {
    this.#control.wake()
  }

  /** A server may wait for ever for a data connection that has broken. */
  #failureOfData(): Promise<never> {
    return new Promise((_, reject) => {
      this.#ended?.catch(reject)
    })
  }

  goneFrom(addresses: ReadonlySet<string>): Error | undefined {
    return goneFrom(this.#control.socket, addresses)
  }

  close(): void {
    this.#isClosed = true
    this.#data?.destroy()
    this.#control.close()
  }

  get #peer(): string {
    const address = this.#control.socket.remoteAddress
    if (address === undefined)
      throw new TransferError('CONNECTION_RESET', 'the connection was broken', {where: this.access.where})
    return address.replace(/^::ffff:(?=\d+\.)/i, '')
  }

  /** Undefined where the server does not know, or does not say. */
  async #ask(command: string, proper: RegExp): Promise<string | undefined> {
    try {
      return proper.exec(await this.#control.ask(command, proper))?.[1]
    } catch (thrown) {
      if (isRefusal(thrown) && thrown.code >= 500) return undefined
      throw thrown
    }
  }

  async #extendedPort(): Promise<number | undefined> {
    if (this.#passiveMode === 'PASV') return undefined
    const port = await this.#ask('EPSV', PROPER.extendedPort)
    if (port !== undefined) return Number(port)
    this.#passiveMode = 'PASV'
    return undefined
  }

  async #passivePort(): Promise<number> {
    const {where} = this.access
    const reply = await this.#control.ask('PASV', PROPER.passivePort)
    const numbers = PROPER.passivePort.exec(reply)?.slice(1).map(Number)
    if (numbers === undefined || numbers.some((each) => each > 255)) throw noPassiveMode(where)
    const [a, b, c, d, high = 0, low = 0] = numbers
    const host = `${a}.${b}.${c}.${d}`
    // Behind a translated address servers name the one that they have inside; the port is meant all the same.
    if (host !== this.#peer && isPublicAddress(host)) {
      throw new TransferError('EGRESS_REFUSED', 'the server wants its data fetched from another host', {
        where,
        advice: 'ask another server: data is fetched only from where the request goes',
      })
    }
    return high * 256 + low
  }

  async #openData(port: number): Promise<void> {
    this.#assertOpen()
    const {where} = this.access
    if (port < 1 || port > 65_535) throw noPassiveMode(where)
    const control = this.#control.socket
    const data = new DataConnection(this.#peer, port, control instanceof TLSSocket ? 'events' : 'hook')
    this.#data = data
    await data.opened
    if (control instanceof TLSSocket) data.secure((wire) => this.#secured(wire))
    this.#ended = data.ended()
    // It may fail before anybody waits for it.
    this.#ended.catch(() => undefined)
  }

  /**
   * Servers want to see that it is us who come for the data, by the session of the control connection; some break off when they
   * are shown it, and are not shown it again. Nobody waits for the handshake: the server may begin it with the transfer.
   */
  #secured(wire: Socket): TLSSocket {
    const {strangers} = this.#tools
    const {where} = this.access
    const session = strangers.has(where) ? undefined : this.#control.tlsSession
    const secure = tlsConnect({...this.#tlsOptions(), socket: wire, ...(session === undefined ? {} : {session})})
    if (session === undefined) return secure
    const broken = () => strangers.add(where)
    return secure.once('error', broken).once('secureConnect', () => secure.off('error', broken))
  }

  /** Names are resolved here where what they resolve to has to be checked; else Node.js tries all addresses. */
  async #addressOf(hostname: string): Promise<string> {
    const {egress} = this.#tools
    if (egress === undefined || isIP(hostname) !== 0) return hostname
    return new Promise((resolve, reject) => {
      egress.lookupFor(this.access.where)(hostname, {}, (error, address) => {
        if (error === null && typeof address === 'string') resolve(address)
        else reject(error)
      })
    })
  }

  #tlsOptions(): ConnectionOptions {
    const {tls} = this.#tools
    const {hostname} = this.access
    // An IP address is no server name (RFC 6066 3).
    const servername = tls.servername ?? (isIP(hostname) === 0 ? hostname : undefined)
    return {...tls, host: hostname, ...(servername === undefined ? {} : {servername})}
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new TransferError('CANCELED', 'the exchange was given up', {where: this.access.where})
  }
}

/** YYYYMMDDhhmmss in UTC (RFC 3659, 2.3). */
function epochOf(time: string): number {
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(time)?.slice(1).map(Number) ?? []
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

function noPassiveMode(where: string): TransferError {
  return new TransferError('INVALID_RESPONSE', 'the server opens no data connection', {
    where,
    advice: 'the server has to offer passive mode (EPSV or PASV); tell its owner',
  })
}
