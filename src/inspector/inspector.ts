/**
 * The inspector's server: node:http on 127.0.0.1 and nothing else. Whatever it answers is masked, nothing can be commanded
 * unless that was asked for, and every request passes the gate first.
 */

import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {BUNDLED_ADVICE} from '../domain/bundled.ts'
import type {ErrorCode} from '../domain/error-codes.ts'
import {asTransferError, TransferError} from '../domain/errors.ts'
import {assertInspectOptions, type InspectOptions} from '../domain/inspect-options.ts'
import type {Engine} from '../engine/engine.ts'
import {Api} from './api.ts'
import {refusalOf, refused} from './gate.ts'
import {answer, RequestRefused, refuse} from './http.ts'
import {LiveFeed} from './live-feed.ts'
import {MessageHub} from './message-hub.ts'
import {findPackageFiles, type PackageFiles} from './package-files.ts'
import type {InspectorMessage} from './protocol.ts'
import {RateMeter} from './rate-meter.ts'
import {Sessions} from './sessions.ts'
import {Views} from './views.ts'

export interface Inspector extends AsyncDisposable {
  /** Where a person opens the page: the token stands in its fragment. */
  readonly url: string
  /** The same without the token, such as http://127.0.0.1:40001. */
  readonly origin: string
  /** For scripts: `Authorization: Bearer …`. */
  readonly token: string
  /** Resolves when the port is free and every stream is closed. Idempotent; happens by itself when the engine closes. */
  close(): Promise<void>
}

const HOST = '127.0.0.1'
const API = '/api/v1/'
const HEARTBEAT_MS = 15_000
const MOST_CONNECTIONS = 256

const STATUS_OF: Readonly<Partial<Record<ErrorCode, number>>> = {
  OPERATION_UNKNOWN: 404,
  ILLEGAL_STATE: 409,
  INVALID_ARGUMENT: 400,
  CLOSED: 503,
}

/** More than are ever told, so that what one run tells stays below what the next one on its port begins with. */
const MESSAGES_PER_MS = 1000

const NOT_BUILT = `The inspector's page is not there: build it (npm run build), or, where it was left behind by a bundler,
${BUNDLED_ADVICE}.
The protocol under /api/v1 answers all the same; see docs/reference/inspector-protocol.md.
`

/** Rejects with INVALID_ARGUMENT when the port is not free, and with CLOSED when the engine is not open, or is closed meanwhile. */
export async function startInspector(engine: Engine, options: InspectOptions = {}): Promise<Inspector> {
  const {port: wanted = 0, control = false, token} = options
  assertInspectOptions(options)
  assertServing(engine)
  const files = await findPackageFiles()
  const server = createServer({keepAliveTimeout: 5_000})
  server.maxConnections = MOST_CONNECTIONS
  const port = await listen(server, wanted)
  try {
    assertServing(engine)
  } catch (error) {
    server.close()
    throw error
  }
  const sessions = new Sessions(port, token)
  const rates = new RateMeter()
  const views = new Views(engine, rates)
  const hub = new MessageHub(() => feed.snapshot(), engine.now() * MESSAGES_PER_MS)
  const feed: LiveFeed = new LiveFeed({
    engine,
    views,
    rates,
    publish: (message: InspectorMessage) => hub.publish(message),
    onEnd: () => void close(),
  })
  const api = new Api({engine, views, hub, files, sessions, control})
  const heartbeat = setInterval(() => hub.beat(), HEARTBEAT_MS)
  heartbeat.unref()
  server.on('request', (request, response) => void serve(request, response, {port, api, files}))

  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      clearInterval(heartbeat)
      feed.stop()
      hub.close()
      server.close(() => resolve())
      // Streams and kept-alive connections would keep it open for ever.
      server.closeAllConnections()
    })
    return closing
  }
  const origin = `http://${HOST}:${port}`
  const url = `${origin}/#token=${sessions.token}`
  return {url, origin, token: sessions.token, close, [Symbol.asyncDispose]: close}
}

function assertServing({phase}: Engine): void {
  if (phase !== 'serving') throw new TransferError('CLOSED', 'the engine is not open')
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const code = 'code' in cause ? cause.code : undefined
      const what = code === 'EADDRINUSE' ? 'is in use' : `cannot be served: ${code ?? cause.message}`
      const advice = 'choose another one, or 0 for any that is free'
      reject(new TransferError('INVALID_ARGUMENT', `port ${port} ${what}`, {where: 'port', cause, advice}))
    })
    server.listen({host: HOST, port, exclusive: true}, () => resolve((server.address() as AddressInfo).port))
  })
}

interface Site {
  readonly port: number
  readonly api: Api
  readonly files: PackageFiles
}

async function serve(request: IncomingMessage, response: ServerResponse, {port, api, files}: Site): Promise<void> {
  const {method = '', url = '', headers} = request
  try {
    const refusal = refusalOf({method, headers}, port)
    if (refusal !== undefined) return refuse(response, refusal)
    if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') {
      return refuse(response, refused(405, 'NOT_SUPPORTED', 'only GET, HEAD and POST'))
    }
    const [path = '', search = ''] = url.split('?', 2)
    if (path.startsWith(API)) {
      return await api.handle(request, response, path.slice(API.length), new URLSearchParams(search))
    }
    if (method === 'POST') return refuse(response, refused(405, 'NOT_SUPPORTED', 'nothing can be posted here'))
    await servePage(response, path, files)
  } catch (thrown) {
    if (response.headersSent) {
      response.destroy()
      return
    }
    refuse(response, refusalFor(thrown))
  }
}

async function servePage(response: ServerResponse, path: string, files: PackageFiles): Promise<void> {
  const page = await files.page(path)
  if (page !== undefined) return answer(response, 200, page.type, page.body)
  if (path === '/' && !files.hasPage) return answer(response, 200, 'text/plain; charset=utf-8', NOT_BUILT)
  refuse(response, refused(404, 'NOT_FOUND', 'there is nothing here'))
}

function refusalFor(thrown: unknown) {
  if (thrown instanceof RequestRefused) return thrown.refused
  const {code, message} = asTransferError(thrown)
  const status = STATUS_OF[code]
  // What went wrong inside is nobody's business outside.
  return status === undefined ? refused(500, code, 'the inspector could not answer') : refused(status, code, message)
}
