/** An FTP server on 127.0.0.1 that misbehaves to order: one file, binary, passive mode, and a list of everything that it was told. */

import {once} from 'node:events'
import {type AddressInfo, createServer, type Server, type Socket} from 'node:net'
import {createSecureContext, TLSSocket} from 'node:tls'
import type {TestCertificate} from './tls-certificates.ts'

export interface FtpScript {
  readonly content: Buffer
  /** YYYYMMDDhhmmss; '20200101000000' by default. */
  readonly modified?: string
  /** Replies instead of obeying, by command: '502 no', say. */
  readonly refuse?: Readonly<Record<string, string>>
  /** After so many bytes the data connection ends, and the transfer with this reply ('' for none). */
  readonly cutAfter?: number
  readonly cutReply?: string
  readonly cut?: 'fin' | 'reset' | 'stall'
  /** What PASV says, in place of 127,0,0,1. */
  readonly passiveHost?: string
}

export class FtpServer {
  /** Every command, as sent; passwords too. */
  readonly commands: string[] = []
  /** For each connection in turn; the last one repeats. */
  readonly #scripts: readonly FtpScript[]
  #connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #certificate: TestCertificate | undefined

  private constructor(scripts: readonly FtpScript[], certificate: TestCertificate | undefined, isImplicit: boolean) {
    this.#scripts = scripts
    this.#certificate = certificate
    this.#server = createServer((socket) => {
      this.#track(socket)
      const script = this.#scripts[Math.min(this.#connections++, this.#scripts.length - 1)]
      if (script === undefined) return
      const session = new Session(this, script, isImplicit ? this.secured(socket) : socket, isImplicit)
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

  secured(socket: Socket): TLSSocket {
    const secure = new TLSSocket(socket, {isServer: true, secureContext: createSecureContext(this.#certificate ?? {})})
    secure.on('error', () => undefined)
    return secure
  }

  /** A data connection that waits for the client. */
  async listen(): Promise<{readonly port: number; readonly arrives: Promise<Socket>}> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
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
    this.#server.close()
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket))
  }
}

class Session {
  readonly #server: FtpServer
  readonly #script: FtpScript
  #control: Socket
  #isSecure: boolean
  #data: Promise<Socket> | undefined
  #offset = 0

  constructor(server: FtpServer, script: FtpScript, control: Socket, isSecure: boolean) {
    this.#server = server
    this.#script = script
    this.#control = control
    this.#isSecure = isSecure
    this.#hear(control)
  }

  greet(): void {
    this.#say('220 ready')
  }

  #hear(control: Socket): void {
    let rest = ''
    control.on('data', (bytes: Buffer) => {
      const lines = (rest + bytes.toString()).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines) void this.#obey(line)
    })
  }

  #say(reply: string): void {
    if (!this.#control.destroyed) this.#control.write(`${reply}\r\n`)
  }

  async #obey(line: string): Promise<void> {
    const server = this.#server
    const {content, modified = '20200101000000', refuse = {}, passiveHost = '127,0,0,1'} = this.#script
    const [command = '', ...words] = line.split(' ')
    server.commands.push(line)
    const refusal = refuse[command]
    if (refusal !== undefined) {
      this.#say(refusal)
      if (refusal.startsWith('421')) this.#control.end()
      return
    }
    switch (command) {
      case 'AUTH':
        this.#say('234 go on')
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
        return this.#say(`213 ${content.length}`)
      case 'MDTM':
        return this.#say(`213 ${modified}`)
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
        return this.#send()
      default:
        return this.#say('200 fine')
    }
  }

  async #send(): Promise<void> {
    const {content, cutAfter, cut = 'fin', cutReply = '426 broken'} = this.#script
    const wire = await this.#data
    if (wire === undefined) return this.#say('425 no data connection')
    this.#say('150 here it comes')
    const data = this.#isSecure ? this.#server.secured(wire) : wire
    const whole = content.subarray(this.#offset)
    this.#offset = 0
    if (cutAfter === undefined) {
      data.end(whole, () => this.#say('226 done'))
      return
    }
    await new Promise<void>((resolve) => data.write(whole.subarray(0, cutAfter), () => resolve()))
    if (cut === 'stall') return
    if (cut === 'reset') wire.resetAndDestroy()
    else data.end()
    if (cutReply !== '') this.#say(cutReply)
  }
}
