/**
 * The credential of an operation on its way through the hops of one try: said to the origin that the request is for, when
 * that asks for it, and to nobody else. A chain that has left the origin does not get it back (CVE-2022-27774).
 */

import {AuthenticationMemory, type AuthorizedRequest, type Conversation} from '../domain/authentication.ts'
import type {Credential, RequestCredentials} from '../domain/credential.ts'
import {type HeaderField, headerValues, withoutHeader} from '../domain/header-fields.ts'
import {originOf} from '../domain/origin.ts'
import type {TransferRequest} from '../domain/record.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import type {Random} from '../ports/random.ts'
import type {Secrets} from '../ports/secrets.ts'
import type {ExchangeRequest} from '../ports/transport.ts'

interface Hop {
  readonly url: string
  readonly method: string
  readonly headers: readonly HeaderField[]
  /** Over FTP: given for this try. */
  readonly credential?: Credential
}

const UNAUTHORIZED = 401
const AUTHORIZATION = 'Authorization'

/** Logins of all operations of an engine, so that a server need not ask for each file anew. */
export class Logins {
  readonly #secrets: Secrets
  readonly #memory: AuthenticationMemory

  constructor({secrets, random}: {readonly secrets: Secrets; readonly random: Random}) {
    this.#secrets = secrets
    this.#memory = new AuthenticationMemory({
      hash: (algorithm, text) => secrets.digest(algorithm, text),
      nonce: () => random.guid(),
    })
  }

  /** For one chain of hops. Only the origin of the operation's own address hears of its credential, wherever the chain begins. */
  of(request: TransferRequest, first: Hop): ServerLogin {
    const {server, proxy} = credentialsOf(request, this.#secrets)
    const isHome = originOf(request.url) === originOf(first.url)
    return new ServerLogin(
      this.#memory,
      request,
      {
        ...(isHome && server !== undefined ? {server} : {}),
        ...(proxy === undefined ? {} : {proxy}),
      },
      first,
    )
  }
}

/** What an operation carries beside its headers. */
function credentialsOf(request: TransferRequest, secrets: Secrets): RequestCredentials {
  return request.credentials === undefined ? {} : JSON.parse(secrets.unseal(request.credentials))
}

export class ServerLogin {
  readonly #memory: AuthenticationMemory
  readonly #credential: RequestCredentials['server']
  #conversation: Conversation | undefined
  #authorization: string | undefined
  /** How the server is reached. */
  readonly way: Pick<ExchangeRequest, 'proxy' | 'proxyCredential' | 'serverCredential' | 'ftpTls'>

  /** The server's credential is for the origin of the first hop; an Authorization of the application's own wins. */
  constructor(memory: AuthenticationMemory, request: TransferRequest, {server, proxy}: RequestCredentials, first: Hop) {
    const overFtp = first.url.startsWith('ftp:') ? (first.credential ?? server) : undefined
    this.way = {
      ...(overFtp === undefined ? {} : {serverCredential: overFtp}),
      ...(request.ftpTls === undefined ? {} : {ftpTls: request.ftpTls}),
      ...(request.proxy === undefined ? {} : {proxy: request.proxy}),
      ...(proxy === undefined ? {} : {proxyCredential: proxy}),
    }
    this.#memory = memory
    this.#credential = server
    const isOwn = headerValues(first.headers, AUTHORIZATION).length > 0
    if (server === undefined || isOwn) return
    this.#conversation = memory.converse(server)
    this.#authorization = this.#conversation.unasked(partOf(first))
  }

  /** The headers of the next request. */
  headersFor(headers: readonly HeaderField[]): readonly HeaderField[] {
    const authorization = this.#authorization
    if (authorization === undefined) return headers
    return [...withoutHeader(headers, AUTHORIZATION), [AUTHORIZATION, authorization]]
  }

  /** Whether the server asks who we are, and there is an answer: then the same request goes out again, with it. */
  answers(hop: Hop, head: ResponseFacts): boolean {
    if (head.status !== UNAUTHORIZED || this.#conversation === undefined) return false
    this.#authorization = this.#conversation.answer(partOf(hop), headerValues(head.headers, 'www-authenticate'))
    return this.#authorization !== undefined
  }

  /** The chain goes on elsewhere. */
  follow(from: Hop, to: Hop): void {
    const stays = originOf(from.url) === originOf(to.url)
    if (!stays || this.#credential === undefined || this.#conversation === undefined) {
      this.#conversation = undefined
      this.#authorization = undefined
      return
    }
    // Another address, another answer: its own rounds, and what is known of its protection space.
    this.#conversation = this.#memory.converse(this.#credential)
    this.#authorization = this.#conversation.unasked(partOf(to))
  }
}

function partOf({url, method}: Hop): AuthorizedRequest {
  const {origin, pathname, search} = new URL(url)
  return {party: origin, method, uri: pathname + search}
}
