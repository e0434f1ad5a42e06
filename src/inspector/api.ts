/** The protocol of protocol.ts over one engine: what is asked for by path, answered from the engine and masked. */

import type {IncomingMessage, ServerResponse} from 'node:http'
import {TransferError} from '../domain/errors.ts'
import {JOURNAL_BOUND} from '../domain/journal.ts'
import {isOperationId, type OperationId} from '../domain/operation-id.ts'
import {fileOf, type OperationRecord} from '../domain/record.ts'
import {isTerminal, LIFE_STATES, type LifeState} from '../domain/status.ts'
import type {Engine, OperationQuery} from '../engine/engine.ts'
import type {OperationEntry} from '../engine/operations/operation-entry.ts'
import {exportBundle} from './bundle.ts'
import {carryOut, parseCommand} from './commands.ts'
import {SAFE_HEADERS} from './gate.ts'
import {answer, answerJson, RequestRefused, readJson} from './http.ts'
import type {MessageHub} from './message-hub.ts'
import type {PackageFiles} from './package-files.ts'
import type {CommandRequest, InspectorState, OperationView} from './protocol.ts'
import type {Sessions} from './sessions.ts'
import type {Views} from './views.ts'

/** How much of a large store the state shows; the rest is asked for by pages. */
const SHOWN_UNFINISHED = 4000
const SHOWN_ENDED = 500

const PAGE = 1000

/** Records that one request looks through for a text. */
const MOST_SEARCHED = 20_000

const QUEUED: readonly LifeState[] = ['queued']
const LIVE: readonly LifeState[] = LIFE_STATES.filter((state) => state !== 'queued' && !isTerminal(state))

export interface ApiOptions {
  readonly engine: Engine
  readonly views: Views
  readonly hub: MessageHub
  readonly files: PackageFiles
  readonly sessions: Sessions
  readonly control: boolean
}

export class Api {
  readonly #options: ApiOptions

  constructor(options: ApiOptions) {
    this.#options = options
  }

  /** `path` is what follows /api/v1/. Throws RequestRefused and TransferError. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<void> {
    const [first = '', second, third, ...more] = path.split('/')
    const isPost = request.method === 'POST'
    const route = `${isPost ? 'POST' : 'GET'} ${first}${second === undefined ? '' : '/:'}${third === undefined ? '' : `/${third}`}`
    if (more.length > 0) throw notFound()
    if (route === 'GET session') return answerJson(response, 200, {challenge: this.#options.sessions.challenge})
    if (route === 'POST session') return this.#openSession(request, response)
    if (!this.#options.sessions.admits(request.headers)) {
      throw new RequestRefused(401, 'UNAUTHORIZED', 'open the address that was printed when the inspector started')
    }
    switch (route) {
      case 'GET state':
        return answerJson(response, 200, await this.#state())
      case 'GET charts':
        return answerJson(response, 200, {charts: this.#options.files.charts})
      case 'GET charts/:':
        return this.#chart(response, second ?? '')
      case 'GET events':
        return this.#events(request, response, query)
      case 'GET operations':
        return answerJson(response, 200, await this.#page(query))
      case 'GET operations/:':
        return this.#withEntry(second, async (entry) =>
          answerJson(response, 200, await this.#options.views.detail(entry)),
        )
      case 'GET operations/:/transitions':
        return this.#transitions(response, second, query)
      case 'GET operations/:/bundle':
        return this.#bundle(response, second)
      case 'GET operations/:/what-if':
        return this.#withEntry(second, async ({record}) => {
          const path = query.get('path') ?? undefined
          answerJson(response, 200, this.#options.engine.insight.whatIf(record, query.get('event') ?? '', path))
        })
      case 'POST operations/:/commands':
        return this.#command(request, response, second)
      default:
        throw notFound()
    }
  }

  async #openSession(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await readJson(request)) as {token?: unknown; proof?: unknown} | null
    const cookie = this.#options.sessions.exchange(body ?? {})
    if (cookie === undefined) throw new RequestRefused(401, 'UNAUTHORIZED', 'the token is not right')
    answer(response, 204, '', '', {'set-cookie': cookie})
  }

  async #state(): Promise<InspectorState> {
    const {engine, views, hub, files, control} = this.#options
    // Before anything is read: what comes meanwhile is told again by its message.
    const {seq} = hub
    // In the order of an operation's life: one that moves on in between is met twice, and never missed.
    // One more than is shown tells whether there are more.
    const queued = await engine.query({states: QUEUED, limit: SHOWN_UNFINISHED + 1})
    const live = await engine.query({states: LIVE, limit: SHOWN_UNFINISHED + 1})
    const newest = await engine.newestEnded(SHOWN_ENDED + 1)
    const ended = newest.slice(0, SHOWN_ENDED)
    const started = new Set(live.map(({id}) => id))
    const unfinished = [...live, ...queued.filter(({id}) => !started.has(id))]
    const first = unfinished.slice(0, SHOWN_UNFINISHED)
    const records = new Map([...first, ...ended].map((each) => [each.id, each]))
    return {
      seq,
      version: files.version,
      readOnly: !control,
      engine: engine.phase,
      conditions: engine.conditions,
      maxConcurrentTransfers: engine.options.maxConcurrentTransfers,
      operations: [...records.values()].map((record) => views.operation(record)),
      ...(newest.length > SHOWN_ENDED ? {newestEnded: SHOWN_ENDED} : {}),
      ...(unfinished.length > SHOWN_UNFINISHED ? {firstUnfinished: SHOWN_UNFINISHED} : {}),
      groups: engine.groups().map((standing) => views.group(standing)),
    }
  }

  async #page(query: URLSearchParams): Promise<{operations: readonly OperationView[]; next?: OperationId}> {
    const {engine, views} = this.#options
    const text = query.get('text')?.toLowerCase() ?? ''
    const limit = numberIn(query, 'limit', 1, PAGE) ?? PAGE
    const filter = filterOf(query)
    const operations: OperationView[] = []
    let after = guidIn(query, 'after')
    for (let searched = 0; ; ) {
      const records = await engine.query({...filter, limit: PAGE, ...(after === undefined ? {} : {after})})
      for (const record of records) {
        if (operations.length === limit) return {operations, ...(after === undefined ? {} : {next: after})}
        after = record.id
        const view = views.operation(record)
        if (text === '' || isAbout(view, record, text)) operations.push(view)
      }
      if (records.length < PAGE) return {operations}
      searched += records.length
      if (searched >= MOST_SEARCHED) return {operations, ...(after === undefined ? {} : {next: after})}
    }
  }

  async #chart(response: ServerResponse, machine: string): Promise<void> {
    const chart = await this.#options.files.chart(machine)
    if (chart === undefined) throw notFound()
    answer(response, 200, 'application/json', chart)
  }

  #events(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void {
    const {hub} = this.#options
    if (hub.isFull) throw new RequestRefused(503, 'ILLEGAL_STATE', 'too many streams are open')
    const last = Number(request.headers['last-event-id'] ?? Number.NaN)
    const after = Number.isSafeInteger(last) ? last : numberIn(query, 'after', 0, Number.MAX_SAFE_INTEGER)
    response.writeHead(200, {...SAFE_HEADERS, 'content-type': 'text/event-stream'})
    if (request.method === 'HEAD') response.end()
    else hub.attach(response, after)
  }

  #transitions(response: ServerResponse, guid: string | undefined, query: URLSearchParams): Promise<void> {
    const before = numberIn(query, 'before', 1, Number.MAX_SAFE_INTEGER)
    const limit = numberIn(query, 'limit', 1, JOURNAL_BOUND.entries)
    return this.#withEntry(guid, async ({record}) => {
      const page = {...(before === undefined ? {} : {before}), ...(limit === undefined ? {} : {limit})}
      answerJson(response, 200, {transitions: await this.#options.engine.journal(record.id, page)})
    })
  }

  #bundle(response: ServerResponse, guid: string | undefined): Promise<void> {
    return this.#withEntry(guid, async ({record}) => {
      const name = {'content-disposition': `attachment; filename="${record.id}.json"`}
      answerJson(response, 200, await exportBundle(this.#options.engine, record.id), name)
    })
  }

  async #command(request: IncomingMessage, response: ServerResponse, guid: string | undefined): Promise<void> {
    const {engine, views, hub, control} = this.#options
    if (!control) throw new RequestRefused(403, 'READ_ONLY', 'this inspector only shows; start it with control')
    const command = parseCommand(await readJson(request))
    await this.#withEntry(guid, async (entry) => {
      await carryOut(engine, entry, command)
      if (command.command === 'request' || command.command === 'priority' || command.command === 'rate') {
        // No step of the chart tells of these: they are told when they are durable.
        await entry.tail
        hub.publish({type: 'operation', operation: views.operation(entry.record)})
      } else if (command.command === 'move' || command.command === 'makeCurrent') {
        const group = engine.groups().find(({name}) => name === entry.record.policy.group)
        if (group !== undefined) hub.publish({type: 'group', group: views.group(group)})
      }
      const text = `${wordsOf(command)} was asked for in the inspector`
      hub.publish({type: 'log', at: engine.now(), level: 'info', text, guid: entry.record.id})
      answerJson(response, 202, {})
    })
  }

  async #withEntry(guid: string | undefined, use: (entry: OperationEntry) => Promise<void>): Promise<void> {
    const {engine} = this.#options
    const entry = guid !== undefined && isOperationId(guid) ? await engine.find(guid) : undefined
    if (entry === undefined) throw new TransferError('OPERATION_UNKNOWN', 'there is no such operation')
    try {
      await use(entry)
    } finally {
      engine.release(entry)
    }
  }
}

/** Neither address nor headers: they may be secret. */
function wordsOf(command: CommandRequest): string {
  if (command.command === 'request') return 'another request'
  if (command.command === 'move') return typeof command.value === 'string' ? `move ${command.value}` : 'a move'
  return 'value' in command ? `${command.command} ${command.value}` : command.command
}

function notFound(): RequestRefused {
  return new RequestRefused(404, 'NOT_FOUND', 'there is nothing here')
}

function filterOf(query: URLSearchParams): OperationQuery {
  const states = query.get('states')
  const group = query.get('group')
  return {
    ...(states === null || states === '' ? {} : {states: states.split(',')}),
    ...(group === null ? {} : {group}),
  }
}

function isAbout({url, name, guid, group}: OperationView, record: OperationRecord, text: string): boolean {
  return [url, name, guid, group, fileOf(record)].some((each) => each.toLowerCase().includes(text))
}

function guidIn(query: URLSearchParams, name: string): OperationId | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  if (!isOperationId(text)) throw new RequestRefused(400, 'INVALID_ARGUMENT', `${name} must be a guid`)
  return text
}

function numberIn(query: URLSearchParams, name: string, low: number, high: number): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= low && value <= high)) {
    throw new RequestRefused(400, 'INVALID_ARGUMENT', `${name} must be a number from ${low} to ${high}`)
  }
  return value
}
