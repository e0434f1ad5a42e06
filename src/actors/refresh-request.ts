/**
 * The actor `refreshRequest`: asks the application's provider for what the next try needs, or the next request of an upload
 * protocol. The answer goes from here to the try and nowhere else: what stands in a chart may be stored and shown.
 */

import {fromPromise} from 'xstate'
import {assertPlain, type Credential, credentialIn} from '../domain/credential.ts'
import {asTransferError, TransferError} from '../domain/errors.ts'
import {type HeaderField, isSecretHeader, withHeader} from '../domain/header-fields.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {OperationFacts} from '../domain/record.ts'
import {
  type AddressGiven,
  type AttemptProvider,
  type AttemptProviders,
  type HeadersGiven,
  providerOf,
} from '../ports/attempt-provider.ts'
import type {Hop} from './connection.ts'

export interface FreshRequest {
  readonly url: string
  /** Over FTP, where the address that was given names somebody. */
  readonly credential?: Credential
  /** Secret, all of them. */
  readonly headers: readonly HeaderField[]
}

/** A call whose answer is for all who wait for it. */
interface SharedCall {
  readonly answer: Promise<HeadersGiven>
  readonly abort: AbortController
  waiting: number
}

/** What an operation got for its next try, until that takes it. */
export class FreshRequests {
  readonly #providers: AttemptProviders
  readonly #calls = new Map<string, SharedCall>()
  readonly #fresh = new Map<OperationId, FreshRequest>()

  constructor(providers: AttemptProviders) {
    this.#providers = providers
  }

  async refresh(facts: OperationFacts, signal: AbortSignal): Promise<void> {
    const {id, request} = facts
    const {provider: name = ''} = request
    const provider = providerOf(this.#providers, request)
    if (provider === undefined) return
    this.#fresh.delete(id)
    const [headers, url] = await Promise.all([
      this.#headersOf(name, provider, signal),
      this.#ask(name, () => provider.url?.(comingAttempt(facts, signal))),
    ])
    if (signal.aborted) return
    this.#fresh.set(id, {...addressOf(name, url, request.url), headers: fieldsOf(name, headers)})
  }

  /** For the one try that takes it: makes its first hop of the operation's own request. */
  take(id: OperationId): (own: Hop) => Hop {
    const fresh = this.#fresh.get(id)
    this.#fresh.delete(id)
    return fresh === undefined ? (own) => own : (own) => firstHop(own, fresh)
  }

  /** There will be no next try. */
  forget(id: OperationId): void {
    this.#fresh.delete(id)
  }

  async #headersOf(name: string, provider: AttemptProvider, signal: AbortSignal): Promise<HeadersGiven> {
    if (provider.headers === undefined) return {}
    const call = this.#calls.get(name) ?? this.#call(name, provider)
    call.waiting += 1
    const leave = () => {
      call.waiting -= 1
      if (call.waiting > 0) return
      // Nobody wants it any more; who comes next makes a call of its own.
      if (this.#calls.get(name) === call) this.#calls.delete(name)
      call.abort.abort()
    }
    signal.addEventListener('abort', leave, {once: true})
    try {
      return await call.answer
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  #call(name: string, provider: AttemptProvider): SharedCall {
    const abort = new AbortController()
    const answer = this.#ask(name, () => provider.headers?.({signal: abort.signal})).then((given) => given ?? {})
    const call: SharedCall = {answer, abort, waiting: 0}
    this.#calls.set(name, call)
    const over = () => {
      if (this.#calls.get(name) === call) this.#calls.delete(name)
    }
    answer.then(over, over)
    return call
  }

  /** What the application throws may quote a secret: its name and code say enough, and errors of ours are its own choice. */
  async #ask<Given>(name: string, ask: () => Given | Promise<Given>): Promise<Given> {
    try {
      return await ask()
    } catch (thrown) {
      if (thrown instanceof TransferError) throw thrown
      const kind = thrown instanceof Error ? thrown.name : typeof thrown
      const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : undefined
      throw new TransferError('PROVIDER_FAILED', 'the provider gave nothing for the next try', {
        where: name,
        details: {thrown: kind, ...(code === undefined ? {} : {code})},
      })
    }
  }
}

/** Somewhere else only what was given for it is told, as after a redirect. */
export function firstHop(own: Hop, {url, headers, credential}: FreshRequest): Hop {
  const stays = new URL(own.url).origin === new URL(url).origin
  const names = new Set(headers.map(([name]) => name.toLowerCase()))
  const kept = own.headers.filter(([name]) => !names.has(name.toLowerCase()) && (stays || !isSecretHeader(name)))
  return {
    ...own,
    url,
    headers: [...kept, ...headers],
    secretNames: [...names],
    ...(credential === undefined ? {} : {credential}),
  }
}

export function createRefreshRequest(fresh: FreshRequests) {
  return fromPromise<void, {facts: OperationFacts}>(({input, signal}) => fresh.refresh(input.facts, signal))
}

/** The first step of a protocol has counted its try already. */
function comingAttempt({id, request, attempts, error}: OperationFacts, signal: AbortSignal) {
  const attempt = request.way === undefined ? attempts.total + 1 : Math.max(1, attempts.total)
  return {guid: id, url: request.url, attempt, lastError: error, signal}
}

/** Nothing of the address is quoted. */
function addressOf(name: string, given: AddressGiven, own: string): Omit<FreshRequest, 'headers'> {
  if (given === undefined) return {url: own}
  if (!URL.canParse(String(given))) throw unusable(name, 'an address that is no URL')
  const url = new URL(given)
  const {protocol} = new URL(own)
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:'
  const isFtp = url.protocol === 'ftp:'
  if (isFtp ? protocol !== 'ftp:' : !isWeb || protocol === 'ftp:') {
    throw unusable(name, `an address of the scheme ${url.protocol.slice(0, -1)} for one of ${protocol.slice(0, -1)}`)
  }
  if (protocol === 'https:' && url.protocol === 'http:') throw unusable(name, 'an http address for an https one')
  const credential = credentialIn(url)
  if (!isFtp && credential !== undefined) throw unusable(name, 'an address with user information')
  if (credential !== undefined) demandPlain(name, credential)
  url.hash = ''
  url.username = ''
  url.password = ''
  return {url: url.href, ...(credential === undefined ? {} : {credential})}
}

function demandPlain(name: string, {userName, password}: Credential): void {
  try {
    assertPlain('url', userName + password)
  } catch {
    throw unusable(name, 'a user name or a password with control characters')
  }
}

function fieldsOf(name: string, given: HeadersGiven): readonly HeaderField[] {
  if (typeof given !== 'object' || given === null) throw unusable(name, 'headers that are no object')
  try {
    return Object.entries(given).reduce<readonly HeaderField[]>(
      (fields, [field, value]) => withHeader(fields, field, String(value)),
      [],
    )
  } catch (thrown) {
    throw unusable(name, `a header that cannot be sent: ${asTransferError(thrown).message}`)
  }
}

function unusable(name: string, what: string): TransferError {
  return new TransferError('PROVIDER_FAILED', `the provider gave ${what}`, {where: name, retry: 'never'})
}
