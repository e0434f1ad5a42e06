/** An FTP server on 127.0.0.1 that misbehaves to order: files, binary, passive mode, and a list of everything that it was told. */

import {once} from 'node:events'
import {type AddressInfo, createServer, type Server, type Socket} from 'node:net'
import {setTimeout as sleep} from 'node:timers/promises'
import {createSecureContext, TLSSocket} from 'node:tls'
import type {TestCertificate} from './tls-certificates.ts'

export interface FtpScript {
  /** Of each file, or of that of a path. */
  readonly content: Buffer | ((path: string) => Buffer)
  /** YYYYMMDDhhmmss; '20200101000000' by default. */
  readonly modified?: string
  /** Replies instead of obeying, by command: '502 no', say. */
  readonly refuse?: Readonly<Record<string, string>>
  /** Milliseconds before a command is obeyed. */
  readonly slow?: Readonly<Record<string, number>>
  /** Said right behind the reply to a command, though nobody asked. */
  readonly also?: Readonly<Record<string, string>>
  /** Of each reply so many bytes go out first, and the rest when they have: before the end, where the number is negative. */
  readonly splitAt?: number
  /** Behind the end of each reply. */
  readonly lineTail?: string
  /** In place of '220 ready'. */
  readonly welcome?: string
  /** In place of '226 done'. */
  readonly done?: string
  /** How the control connection ends in place of the reply to its nth command, the first one being 1. */
  readonly leave?: {readonly at: number; readonly by: 'fin' | 'reset' | '421'}
  /** After so many bytes the data connection ends, and the transfer with this reply ('' for none). */
  readonly cutAfter?: number | undefined
  readonly cutReply?: string
  readonly cut?: 'fin' | 'reset' | 'stall'
  /** What PASV says, in place of 127,0,0,1. */
  readonly passiveHost?: string
}

export class FtpServer {
  /** Every command, as sent; passwords too. */
  readonly commands: string[] = []
  /** The same, for each control connection in turn. */
  readonly sessions: string[][] = []
  /** For each connection in turn; the last one repeats. */
  readonly #scripts: readonly FtpScript[]
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Servers for data to which nobody has connected yet. */
  readonly #awaiting = new Set<Server>()
  readonly #controls = new Set<Socket>()
  readonly #certificate: TestCertificate | undefined

  private constructor(scripts: readonly FtpScript[], certificate: TestCertificate | undefined, isImplicit: boolean) {
    this.#scripts = scripts
    this.#certificate = certificate
    // As servers do: the second of two replies, 226 behind 150, is not to wait for the acknowledgement of the first.
    this.#server = createServer({noDelay: true}, (socket) => {
      this.#track(socket)
      this.#controls.add(socket.on('close', () => this.#controls.delete(socket)))
      const script = this.#scripts[Math.min(this.sessions.length, this.#scripts.length - 1)]
      if (script === undefined) return
      this.sessions.push([])
      const session = new Session(this, script, socket, isImplicit)
      session.greet()
    })
  }

  static async start(
    scripts: FtpScript | readonly FtpScript[],
    {certificate, implicit = false}: {certificate?: TestCertificate; implicit?: boolean} = {},
  ): Promise<FtpServer> {
    const server = new FtpServer([scripts].flat(), certificate, implicit)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  url(path: string, user = ''): string {
    return `ftp://${user}127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`
  }

  /** Of one command, what followed it each time. */
  said(command: string): readonly string[] {
    return this.commands
      .filter((each) => each.split(' ', 1)[0] === command)
      .map((each) => each.slice(command.length + 1))
  }

  /** Control connections that stand now. */
  get open(): number {
    return this.#controls.size
  }

  /** Ends those, or the youngest of them, unasked; in clear. */
  hangUp(by: 'fin' | 'reset' | '421', which: 'all' | 'youngest' = 'all'): void {
    for (const socket of [...this.#controls].slice(which === 'all' ? 0 : -1)) hangUp(socket, socket, by)
  }

  /** A reply on each of those, unasked; in clear. */
  tell(reply: string): void {
    for (const socket of this.#controls) socket.write(`${reply}\r\n`)
  }

  secured(socket: Socket): TLSSocket {
    const secure = new TLSSocket(socket, {isServer: true, secureContext: createSecureContext(this.#certificate ?? {})})
    secure.on('error', () => undefined)
    return secure
  }

  /** A data connection that waits for the client. */
  async listen(): Promise<{readonly port: number; readonly arrives: Promise<Socket>}> {
    const server = createServer()
    this.#awaiting.add(server)
    server.on('close', () => this.#awaiting.delete(server)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const arrives = new Promise<Socket>((resolve) => {
      server.once('connection', (socket) => {
        this.#track(socket)
        server.close()
        resolve(socket)
      })
    })
    return {port: (server.address() as AddressInfo).port, arrives}
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    for (const server of this.#awaiting) server.close()
    this.#server.close()
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket))
  }
}

function hangUp(wire: Socket, control: Socket, by: 'fin' | 'reset' | '421'): void {
  if (by === 'reset') wire.resetAndDestroy()
  else control.end(by === '421' ? '421 bye\r\n' : '')
}

class Session {
  readonly #server: FtpServer
  readonly #script: FtpScript
  /** What it was told, as the server lists it. */
  readonly #commands: string[]
  /** Below TLS. */
  readonly #wire: Socket
  #control: Socket
  #isSecure: boolean
  #data: Promise<Socket> | undefined
  #offset = 0
  /** Settles when all replies are said that go out in parts. */
  #said = Promise.resolve()

  constructor(server: FtpServer, script: FtpScript, wire: Socket, isSecure: boolean) {
    this.#server = server
    this.#script = script
    this.#commands = server.sessions.at(-1) ?? []
    this.#wire = wire
    this.#control = isSecure ? server.secured(wire) : wire
    this.#isSecure = isSecure
    this.#hear(this.#control)
  }

  greet(): void {
    this.#say(this.#script.welcome ?? '220 ready')
  }

  #hear(control: Socket): void {
    let rest = ''
    control.on('data', (bytes: Buffer) => {
      const lines = (rest + bytes.toString()).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) void this.#obey(line)
    })
  }

  /** `command`: what it answers. */
  #say(reply: string, command = ''): void {
    const also = this.#script.also?.[command]
    const all = also === undefined ? reply : `${reply}\r\n${also}`
    if (!this.#control.writable) return
    const {splitAt, lineTail = ''} = this.#script
    // TLS begins right behind the reply to AUTH.
    if (splitAt === undefined || command === 'AUTH') this.#control.write(`${all}\r\n${lineTail}`)
    else this.#said = this.#said.then(() => this.#sayInParts(`${all}\r\n`, splitAt))
  }

  async #sayInParts(text: string, at: number): Promise<void> {
    const control = this.#control
    await new Promise<void>((resolve) => control.write(text.slice(0, at), () => resolve()))
    await sleep(1)
    if (control.writable) control.write(text.slice(at))
  }

  async #obey(line: string): Promise<void> {
    const server = this.#server
    const [command = '', ...words] = line.split(' ')
    const path = words.join(' ')
    server.commands.push(line)
    this.#commands.push(line)
    const {modified = '20200101000000', refuse = {}, passiveHost = '127,0,0,1', slow = {}, leave} = this.#script
    if (leave?.at === this.#commands.length) {
      hangUp(this.#wire, this.#control, leave.by)
      return
    }
    if (slow[command] !== undefined) await sleep(slow[command])
    const refusal = refuse[command]
    if (refusal !== undefined) {
      this.#say(refusal)
      if (refusal.startsWith('421')) this.#control.end()
      return
    }
    switch (command) {
      case 'AUTH':
        this.#say('234 go on', command)
        this.#control.removeAllListeners('data')
        this.#control = server.secured(this.#control)
        this.#isSecure = true
        this.#hear(this.#control)
        return
      case 'USER':
        return this.#say('331 and the password')
      case 'PASS':
        return this.#say('230 welcome')
      case 'SIZE':
        return this.#say(`213 ${this.#contentOf(path).length}`, command)
      case 'MDTM':
        return this.#say(`213 ${modified}`, command)
      case 'EPSV':
      case 'PASV': {
        const {port, arrives} = await server.listen()
        this.#data = arrives
        if (command === 'EPSV') return this.#say(`229 Entering Extended Passive Mode (|||${port}|)`)
        return this.#say(`227 Entering Passive Mode (${passiveHost},${port >> 8},${port & 255})`)
      }
      case 'REST':
        this.#offset = Number(words[0])
        return this.#say('350 restarting')
      case 'RETR':
        return this.#send(path)
      default:
        return this.#say('200 fine')
    }
  }

  #contentOf(path: string): Buffer {
    const {content} = this.#script
    return typeof content === 'function' ? content(path) : content
  }

  async #send(path: string): Promise<void> {
    const {done = '226 done', cutAfter, cut = 'fin', cutReply = '426 broken'} = this.#script
    const wire = await this.#data
    if (wire === undefined) return this.#say('425 no data connection')
    this.#say('150 here it comes')
    const data = this.#isSecure ? this.#server.secured(wire) : wire
    const whole = this.#contentOf(path).subarray(this.#offset)
    this.#offset = 0
    if (cutAfter === undefined) {
      data.end(whole, () => this.#say(done, 'RETR'))
      return
    }
    await new Promise<void>((resolve) => data.write(whole.subarray(0, cutAfter), () => resolve()))
    if (cut === 'stall') return
    if (cut === 'reset') wire.resetAndDestroy()
    else data.end()
    if (cutReply !== '') this.#say(cutReply)
  }
}
