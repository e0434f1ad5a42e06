/** ResponseInformation (spec 2.11): an immutable picture of one response's head. */

import {headerValue} from '../domain/header-fields.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'
import {validatorOf} from '../domain/validator.ts'

export class ResponseInformation {
  readonly #facts: ResponseFacts
  readonly #mayAskForParts: boolean
  /** Where the answer came from, behind all redirects. */
  readonly actualUri: URL
  /** Of that answer. */
  readonly statusCode: number
  /** Names as the server spelled them, look-up case-sensitive; repeated headers joined with ", ". */
  readonly headers: ReadonlyMap<string, string>

  /** `isPlain`: the request carried no body. */
  constructor(facts: ResponseFacts, method: string, isPlain = true) {
    this.#facts = facts
    this.#mayAskForParts = method === 'GET' && isPlain
    this.actualUri = new URL(facts.url)
    this.statusCode = facts.status
    const headers = new Map<string, string>()
    for (const [name, value] of facts.headers) {
      const earlier = headers.get(name)
      headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`)
    }
    this.headers = headers
  }

  /** GET without a body, 200 or 206, ranges not refused, and a validator to hold them together. */
  get isResumable(): boolean {
    const {status, headers} = this.#facts
    const ranges = headerValue(headers, 'accept-ranges')?.toLowerCase()
    const answered = status === 200 || status === 206
    return this.#mayAskForParts && answered && ranges !== 'none' && validatorOf(this.#facts) !== undefined
  }
}
