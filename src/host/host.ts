/**
 * What a host answers: each client has a session; the engine is the one that serves this process, too. Loaded when the first of
 * them comes.
 */

import type {IncomingMessage, ServerResponse} from 'node:http'
import type {z} from 'zod'
import {rulesOf} from '../domain/applications.ts'
import {invalidArgument, TransferError} from '../domain/errors.ts'
import {isOperationId, type OperationId} from '../domain/operation-id.ts'
import {HEIR_HEADER, HOST_API_VERSION} from '../ports/host-connection.ts'
import type {Bodies} from './call-context.ts'
import {prefetchStateOf} from './calls.ts'
import {FollowedOperations} from './followed-operation.ts'
import {Frames} from './frames.ts'
import type {HostServerOptions} from './host-options.ts'
import {answerBytes, answerJson, readJson, refuse} from './http.ts'
import {IdleWatch} from './idle-watch.ts'
import {HostInspectors} from './inspectors.ts'
import {ProgressTurns} from './progress-turns.ts'
import {CALL_BATCH, type Hello, type HostMessage, SESSION_QUERY, VERSION_QUERY} from './protocol.ts'
import {HostSession} from './session.ts'

const MOST_READ_BYTES = 1024 * 1024

export class Host {
  readonly #options: HostServerOptions
  readonly #isListening: () => boolean
  readonly #hello: Hello
  readonly #sessions = new Map<string, HostSession>()
  readonly #frames = new Frames()
  readonly #turns: ProgressTurns
  readonly #followed = new FollowedOperations()
  readonly #inspectors: HostInspectors
  readonly #idleWatch: IdleWatch | undefined

  constructor(options: HostServerOptions, isListening: () => boolean) {
    this.#options = options
    this.#isListening = isListening
    const {engine, clock, version, pid, epoch, stays, whenIdle} = options
    const idleExit = whenIdle === undefined ? {} : {idleExitMs: whenIdle.ms}
    this.#hello = {service: 'background-transfer', api: HOST_API_VERSION, version, pid, epoch, stays, ...idleExit}
    this.#turns = new ProgressTurns(engine)
    this.#inspectors = new HostInspectors(engine)
    if (whenIdle !== undefined) {
      const {ms: idleMs, call: onIdle} = whenIdle
      this.#idleWatch = new IdleWatch({engine, clock, idleMs, onIdle, clients: () => this.#users})
    }
    engine.events$.subscribe(({type}) => {
      // The registration ends with the firing.
      if (type === 'task.launched' || type === 'completion.dropped') this.#tellTasks()
      if (type === 'prefetch.changed' || type === 'prefetch.ended') this.#tellPrefetch()
    })
  }

  get clients(): number {
    return [...this.#sessions.values()].filter(({isAttached}) => isAttached).length
  }

  /** Clients that a host stays for. */
  get #users(): number {
    return [...this.#sessions.values()].filter(({isAttached, isHeir}) => isAttached && !isHeir).length
  }

  close(): void {
    this.#idleWatch?.stop()
    for (const session of this.#sessions.values()) session.close()
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Gone while the host was loaded: that it closes would not be heard any more.
    if (response.destroyed) return
    try {
      await this.#route(request, response)
    } catch (thrown) {
      refuse(response, thrown)
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const {url: address = ''} = request
    // Anything can stand in a request, also what is no address.
    if (!URL.canParse(address, 'http://control')) throw nothingHere()
    const url = new URL(address, 'http://control')
    const [, api, v1, area, id, what, ...more] = url.pathname.split('/')
    const route = `${request.method} ${[area, id === undefined ? undefined : ':', what].filter(Boolean).join('/')}`
    if (api !== 'api' || v1 !== 'v1' || more.length > 0) throw nothingHere()
    switch (route) {
      case 'GET hello':
        return answerJson(response, 200, this.#hello)
      case 'GET session':
        return this.#openSession(request, response, url.searchParams)
      case 'POST session/:/calls': {
        const session = this.#sessionOf(id)
        const batch = parsed(CALL_BATCH, await readJson(request), 'calls')
        answerJson(response, 202, {})
        return session.handle(batch)
      }
      case 'DELETE session/:':
        this.#sessionOf(id).close()
        return answerJson(response, 200, {})
      case 'GET session/:/bytes':
        return this.#bytes(request, response, this.#sessionOf(id), url.searchParams)
      case 'GET session/:/answer':
        return this.#answer(response, this.#sessionOf(id), url.searchParams)
      case 'PUT session/:/body':
        return this.#body(request, response, this.#sessionOf(id), url.searchParams)
      default:
        throw nothingHere()
    }
  }

  #openSession({headers}: IncomingMessage, response: ServerResponse, query: URLSearchParams): void {
    const given = Object.fromEntries(query)
    const {api} = parsed(VERSION_QUERY, given, 'session')
    if (api !== HOST_API_VERSION) throw otherVersion(api, this.#hello)
    const {id, app} = parsed(SESSION_QUERY, given, 'session')
    if (!this.#isListening()) throw new TransferError('HOST_UNREACHABLE', 'the host of this store ends')
    if (rulesOf(this.#options.engine.options.applications, app) === undefined) {
      throw new TransferError('INVALID_ARGUMENT', 'the host has no rules for this application', {
        where: app ?? '',
        advice: 'have it named in applications.json, in the directory of the store',
      })
    }
    const before = this.#sessions.get(id)
    if (before !== undefined && before.app !== app) throw invalidArgument('id', 'is that of another client')
    const known = before?.isAway === true ? undefined : before
    const session = known ?? this.#newSession(id, app, headers[HEIR_HEADER] === '1', before?.bodies)
    if (before !== known) before?.close()
    // It ends with its connection, so that what is said needs no frames of HTTP.
    response.removeHeader('transfer-encoding')
    response.writeHead(200, {'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'close'})
    session.attach(response, this.#welcome(known !== undefined, app))
  }

  #newSession(id: string, app: string | undefined, isHeir: boolean, bodies: Bodies = new Map()): HostSession {
    const {engine, clock, sessionGraceMs = 30_000, clientAbsenceMs = 3_600_000} = this.#options
    const session: HostSession = new HostSession({
      engine,
      clock,
      app,
      isHeir,
      graceMs: sessionGraceMs,
      absenceMs: clientAbsenceMs,
      bodies,
      frames: this.#frames,
      turns: this.#turns,
      followed: this.#followed,
      inspectors: this.#inspectors,
      tellAll: (message) => this.#tellAll(message),
      tellTasks: () => this.#tellTasks(),
      onEnded: () => {
        // Its client is back, in another one that has its bodies.
        if (this.#sessions.get(id) !== session) return
        this.#sessions.delete(id)
        for (const guid of bodies.keys()) engine.dropBody(guid)
        bodies.clear()
        // A goodbye is often heard before its stream is seen to close.
        void this.#idleWatch?.check()
      },
      onPresence: () => void this.#idleWatch?.check(),
    })
    this.#sessions.set(id, session)
    return session
  }

  #welcome(resumed: boolean, app: string | undefined): HostMessage {
    const {engine} = this.#options
    return {
      type: 'welcome',
      hello: this.#hello,
      resumed,
      backgroundTasks: engine.options.backgroundTasks,
      groups: engine.groupRecords(),
      tasks: engine.completionGroups.registrations(app),
      ...(app === undefined ? {prefetch: prefetchStateOf(engine.prefetcher)} : {}),
    }
  }

  async #bytes(
    request: IncomingMessage,
    response: ServerResponse,
    session: HostSession,
    query: URLSearchParams,
  ): Promise<void> {
    const given = new AbortController()
    response.on('close', () => given.abort())
    const into = Buffer.allocUnsafe(Math.min(MOST_READ_BYTES, wholeIn(query, 'count')))
    const guid = guidIn(query)
    const source = query.get('source') ?? ''
    if (request.aborted || source.length > 64) throw invalidArgument('source', 'must be a name')
    const {count, size, generation} = await session.read(guid, source, wholeIn(query, 'position'), into, given.signal)
    if (given.signal.aborted) return
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': count,
      'x-size': String(size ?? ''),
      'x-generation': String(generation),
    })
    response.end(into.subarray(0, count))
  }

  async #answer(response: ServerResponse, session: HostSession, query: URLSearchParams): Promise<void> {
    const guid = guidIn(query)
    await session.assertVisible(guid)
    await answerBytes(response, this.#options.engine.answerOf(guid, wholeIn(query, 'position')))
  }

  async #body(
    request: IncomingMessage,
    response: ServerResponse,
    session: HostSession,
    query: URLSearchParams,
  ): Promise<void> {
    const given = new AbortController()
    response.on('close', () => given.abort(new TransferError('CANCELED', 'the client gave the stream up')))
    const guid = guidIn(query)
    // A body that somebody waits to send is nobody's to replace.
    const {engine} = this.#options
    const entry = await engine.find(guid)
    if (entry !== undefined) {
      engine.release(entry)
      throw invalidArgument('guid', 'is that of another operation')
    }
    answerJson(response, 200, await session.takeBody(guid, request, given.signal))
  }

  #sessionOf(id: string | undefined): HostSession {
    const session = this.#sessions.get(id ?? '')
    if (session === undefined || session.isAway) throw new TransferError('NOT_SUPPORTED', 'there is no such session')
    return session
  }

  #tellTasks(): void {
    const {completionGroups} = this.#options.engine
    for (const session of this.#sessions.values()) {
      session.send({type: 'tasks', tasks: completionGroups.registrations(session.app)})
    }
  }

  /** What is wished for is nothing for an application that sees only its own. */
  #tellPrefetch(): void {
    const prefetch = prefetchStateOf(this.#options.engine.prefetcher)
    for (const session of this.#sessions.values()) {
      if (session.app === undefined) session.send({type: 'prefetch', prefetch})
    }
  }

  #tellAll(message: HostMessage): void {
    for (const session of this.#sessions.values()) session.send(message)
  }
}

function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw invalidArgument([where, ...(issue?.path ?? [])].join('.'), issue?.message ?? 'is not what it should be')
}

function nothingHere(): TransferError {
  return new TransferError('NOT_SUPPORTED', 'there is nothing here')
}

function otherVersion(asked: number, {api, version}: Hello): TransferError {
  return new TransferError(
    'HOST_VERSION',
    `the host (${version}) speaks version ${api}, and its client version ${asked}`,
  )
}

function guidIn(query: URLSearchParams): OperationId {
  const guid = query.get('guid') ?? ''
  if (!isOperationId(guid)) throw invalidArgument('guid', 'must be a guid')
  return guid
}

function wholeIn(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? ''
  if (!/^\d{1,16}$/.test(text)) throw invalidArgument(name, 'must be a whole number')
  return Number(text)
}
