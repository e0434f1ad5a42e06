/**
 * What the requests of one try are made of: where each source is asked, with which headers, who we are there, what the request
 * carries, and which bytes of what version it asks for.
 */

import {type HeaderField, headerValue} from '../domain/header-fields.ts'
import {isForeign, sourcesOf} from '../domain/mirrors.ts'
import type {ByteRange} from '../domain/range-set.ts'
import type {Evidence, OperationFacts} from '../domain/record.ts'
import type {ContentSource} from '../ports/content-source.ts'
import type {OriginMemory} from '../ports/origin-memory.ts'
import type {Secrets} from '../ports/secrets.ts'
import type {RequestBody} from '../ports/transport.ts'
import type {Hop} from './connection.ts'
import {type Question, questionTo} from './question.ts'
import {type FreshRequests, firstHop} from './refresh-request.ts'
import {requestHeaders} from './request-headers.ts'
import type {Logins, ServerLogin} from './server-login.ts'

/** What was wrong may be what a cache has, ours or one on the way: it is to ask whether that is what the server has. */
function askingTheServer(headers: readonly HeaderField[]): readonly HeaderField[] {
  return headerValue(headers, 'cache-control') === undefined ? [...headers, ['Cache-Control', 'no-cache']] : headers
}

export interface TryRequestsPorts {
  readonly content: ContentSource
  readonly secrets: Secrets
  readonly origins: OriginMemory
  readonly logins: Logins
  readonly fresh: FreshRequests
}

export class TryRequests {
  readonly #ports: TryRequestsPorts
  readonly #facts: OperationFacts
  /** Where they begin: what was given for this try is for all of them. */
  readonly #begin: (own: Hop) => Hop

  constructor(ports: TryRequestsPorts, facts: OperationFacts) {
    this.#ports = ports
    this.#facts = facts
    this.#begin = ports.fresh.take(facts.id)
  }

  /** Where the requests to a source begin. A mirror is told nothing that is meant for the server of the operation's own address. */
  firstHop(source: number): Hop {
    const {request, cleanRestart} = this.#facts
    const given = requestHeaders(request, this.#ports.secrets)
    const headers = cleanRestart === true ? askingTheServer(given) : given
    const own = {url: request.url, method: request.method, headers}
    const url = source === 0 ? undefined : sourcesOf(request)[source]
    return url === undefined ? this.#begin(own) : firstHop(own, {url, headers: []})
  }

  login(first: Hop): ServerLogin {
    return this.#ports.logins.of(this.#facts.request, first)
  }

  /** As its files are now: what the request carries is read anew for each try. */
  async body(): Promise<RequestBody | undefined> {
    const {app, request} = this.#facts
    const {body} = request
    if (body === undefined) return undefined
    const {content} = this.#ports
    return content.body(body, await content.inspect(body, undefined, app))
  }

  /** `known`: of the version, with all bytes that are in the file. `stretch`: what was chosen already. */
  question(hop: Hop, source: number, known: Evidence, wanted: number, stretch?: ByteRange): Question {
    // What a part brings is always beside the bytes of the own connection, which may still be on their way.
    const hasBytes = known.ranges.length > 0 || stretch !== undefined
    const mustProve = hasBytes && isForeign(known, source)
    return questionTo(hop, this.#facts, known, this.#ports.origins, wanted, stretch, mustProve)
  }
}
