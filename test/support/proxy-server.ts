/** Proxies for tests, written apart from ours: HTTP with CONNECT and forwarding, over TCP or TLS, and SOCKS5 with a password. */

import {once} from 'node:events'
import {
  createServer as createHttpServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import {createServer as createHttpsServer} from 'node:https'
import {type AddressInfo, connect, createServer, type Socket} from 'node:net'
import type {TestCertificate} from './tls-certificates.ts'

/** What a proxy was asked, in order. */
export interface ProxyRequest {
  /** `CONNECT host:port`, `GET http://…`, or `SOCKS host:port`. */
  readonly line: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

export interface TestProxy {
  /** With its scheme. */
  readonly address: string
  readonly host: string
  readonly requests: readonly ProxyRequest[]
  /** Bytes that came from clients, as they went over the wire. */
  heard(): string
  close(): Promise<void>
}

export interface ProxyBehaviour {
  readonly certificate?: TestCertificate
  /** Answers instead of the proxy; undefined lets the request through. The value of Proxy-Authenticate, or a status. */
  readonly refuse?: (
    method: string,
    uri: string,
    authorization: string | undefined,
  ) => readonly string[] | number | undefined
}

export async function startHttpProxy({certificate, refuse = () => undefined}: ProxyBehaviour = {}): Promise<TestProxy> {
  const requests: ProxyRequest[] = []
  const open = new Set<Socket>()
  let heard = ''
  const note = (request: IncomingMessage) => {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    requests.push({line: `${request.method} ${request.url}`, headers})
  }
  const forward = (request: IncomingMessage, response: ServerResponse) => {
    note(request)
    const refusal = refuse(request.method ?? '', request.url ?? '', request.headers['proxy-authorization'])
    if (refusal !== undefined) {
      const status = typeof refusal === 'number' ? refusal : 407
      response.writeHead(status, typeof refusal === 'number' ? {} : {'Proxy-Authenticate': [...refusal]})
      response.end('the proxy says no')
      return
    }
    const {'proxy-authorization': _, connection: __, ...headers} = request.headers
    const onward = httpRequest(
      request.url ?? '',
      {method: request.method ?? 'GET', headers, agent: false},
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.rawHeaders)
        answer.pipe(response)
        answer.on('error', () => response.destroy())
      },
    )
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  }
  const server = certificate === undefined ? createHttpServer(forward) : createHttpsServer(certificate, forward)
  server.on(certificate === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket)).on('error', () => {})
  })
  server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    note(request)
    const refusal = refuse('CONNECT', request.url ?? '', request.headers['proxy-authorization'])
    if (refusal !== undefined) {
      const status = typeof refusal === 'number' ? refusal : 407
      const asks = typeof refusal === 'number' ? [] : refusal.map((each) => `Proxy-Authenticate: ${each}\r\n`)
      socket.end(`HTTP/1.1 ${status} No\r\n${asks.join('')}Content-Length: 0\r\n\r\n`)
      return
    }
    splice(
      request.url ?? '',
      socket,
      head,
      open,
      () => socket.write('HTTP/1.1 200 Connected\r\n\r\n'),
      (bytes) => {
        heard += bytes.toString('latin1')
      },
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const {port} = server.address() as AddressInfo
  const host = `127.0.0.1:${port}`
  return {
    address: `${certificate === undefined ? 'http' : 'https'}://${host}`,
    host,
    requests,
    heard: () => heard,
    close: async () => {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

export interface SocksBehaviour {
  readonly user?: string
  readonly password?: string
  /** The reply field of RFC 1928 6, instead of connecting. */
  readonly reply?: number
}

export async function startSocksProxy({user, password, reply}: SocksBehaviour = {}): Promise<TestProxy> {
  const requests: ProxyRequest[] = []
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket)).on('error', () => {})
    void serve(socket).catch(() => socket.destroy())
  })
  const serve = async (socket: Socket) => {
    const greeting = await read(socket, 2)
    const methods = await read(socket, greeting[1] ?? 0)
    const wanted = user === undefined ? 0 : 2
    if (!methods.includes(wanted)) {
      socket.end(Buffer.from([5, 0xff]))
      return
    }
    socket.write(Buffer.from([5, wanted]))
    if (user !== undefined) {
      const name = await read(socket, (await read(socket, 2))[1] ?? 0)
      const secret = await read(socket, (await read(socket, 1))[0] ?? 0)
      const isRight = name.toString() === user && secret.toString() === password
      socket.write(Buffer.from([1, isRight ? 0 : 1]))
      if (!isRight) return
    }
    const kind = (await read(socket, 4))[3]
    const host =
      kind === 1
        ? (await read(socket, 4)).join('.')
        : (await read(socket, kind === 4 ? 16 : ((await read(socket, 1))[0] ?? 0))).toString()
    const target = `${host}:${(await read(socket, 2)).readUInt16BE()}`
    requests.push({line: `SOCKS ${target}`, headers: {}})
    const answer = (code: number) => socket.write(Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
    if (reply !== undefined) answer(reply)
    else splice(target, socket, Buffer.alloc(0), open, () => answer(0))
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    address: `socks5://${host}`,
    host,
    requests,
    heard: () => '',
    close: async () => {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function splice(
  target: string,
  client: Socket,
  head: Buffer,
  open: Set<Socket>,
  onOpen: () => void,
  onHeard: (bytes: Buffer) => void = () => {},
): void {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(target) ?? []
  const server = connect(Number(port), host.replace('localhost', '127.0.0.1'), () => {
    onOpen()
    server.write(head)
    client.on('data', onHeard)
    client.pipe(server)
    server.pipe(client)
  })
  open.add(server)
  server.on('close', () => {
    open.delete(server)
    client.destroy()
  })
  server.on('error', () => client.destroy())
  client.on('close', () => server.destroy()).on('error', () => server.destroy())
}

async function read(socket: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = count === 0 ? Buffer.alloc(0) : socket.read(count)
    if (bytes !== null) return bytes
    await once(socket, 'readable')
  }
}
