/** What one exchange says to the proxy on its way: the application's own header, or answers to its challenges. */

import type {AuthenticationMemory, AuthorizedRequest, Conversation} from '../../domain/authentication.ts'
import type {TransferError} from '../../domain/errors.ts'
import {type HeaderField, headerValues, withoutHeader} from '../../domain/header-fields.ts'
import type {ProxyServer} from '../../domain/proxy.ts'
import type {ExchangeRequest} from '../../ports/transport.ts'
import {proxyUnauthorized} from './proxy-errors.ts'

const PROXY_AUTHORIZATION = 'Proxy-Authorization'

export class ProxyLogin {
  readonly #proxy: ProxyServer
  readonly #isForwarded: boolean
  readonly #asked: AuthorizedRequest
  readonly #conversation: Conversation | undefined
  #authorization: string | undefined

  constructor(proxy: ProxyServer, {method, url}: ExchangeRequest, memory: AuthenticationMemory, isForwarded: boolean) {
    this.#proxy = proxy
    this.#asked = {party: proxy.where, method, uri: withoutHash(url)}
    this.#isForwarded = isForwarded
    if (proxy.credential === undefined || !isForwarded) return
    this.#conversation = memory.converse(proxy.credential)
    this.#authorization = this.#conversation.unasked(this.#asked)
  }

  /** What is said to a proxy is never said to the server behind its tunnel. */
  headersFor(headers: readonly HeaderField[]): readonly HeaderField[] {
    const others = withoutHeader(headers, PROXY_AUTHORIZATION)
    if (!this.#isForwarded) return others
    return this.#authorization === undefined ? headers : [...others, [PROXY_AUTHORIZATION, this.#authorization]]
  }

  /** The error that ends the exchange; undefined: ask again. */
  challenged(fields: readonly HeaderField[]): TransferError | undefined {
    this.#authorization = this.#conversation?.answer(this.#asked, headerValues(fields, 'proxy-authenticate'))
    return this.#authorization === undefined ? proxyUnauthorized(this.#proxy) : undefined
  }
}

function withoutHash(url: string): string {
  const plain = new URL(url)
  plain.hash = ''
  return plain.href
}
