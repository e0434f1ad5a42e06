/**
 * Who asks, and when it is said: nothing before a challenge (spec 9.6); an answer to the strongest challenge that we know;
 * and without being asked again, to the same protection space (RFC 7617 2.2, RFC 7616 3.6). What servers asked is remembered
 * in memory only.
 */

import {type Challenge, parseChallenges} from './auth-challenge.ts'
import type {Credential} from './credential.ts'
import {
  type DigestAlgorithm,
  type DigestChallenge,
  digestAuthorization,
  digestChallengeOf,
  type Hash,
} from './digest-authorization.ts'

/** The request that wants to be let through. */
export interface AuthorizedRequest {
  /** Who asks: the origin of a server, or of a proxy. */
  readonly party: string
  readonly method: string
  /** The request target, as in the request line: a path with its query, an absolute address, or an authority. */
  readonly uri: string
}

interface BasicChallenge {
  readonly scheme: 'basic'
}

type Known = BasicChallenge | DigestChallenge

/** A protection space, with the answer that it wants. */
interface Space {
  readonly challenge: Known
  /** Paths below one of these are in it; empty: everything of the party. */
  readonly roots: readonly string[]
  /** How often the nonce was used. */
  count: number
}

export interface AuthenticationTools {
  readonly hash: Hash
  /** A text nobody can foresee, of letters, digits and hyphens. */
  readonly nonce: () => string
}

const STRENGTH: Readonly<Record<DigestAlgorithm, number>> = {MD5: 1, 'SHA-256': 2, 'SHA-512-256': 3}
/** Parties and credentials. */
const MAX_SPACES = 1000
/** A nonce may turn stale under our hands, but not each one. */
const MAX_ANSWERS = 3

/** The protection spaces that were met, for everybody who asks with the same credential. */
export class AuthenticationMemory {
  readonly #tools: AuthenticationTools
  readonly #spaces = new Map<string, Space>()

  constructor(tools: AuthenticationTools) {
    this.#tools = tools
  }

  /** For one request and the rounds that it takes. */
  converse(credential: Credential): Conversation {
    return new Conversation(this, this.#tools, credential)
  }

  find(party: string, credential: Credential): Space | undefined {
    return this.#spaces.get(keyOf(party, credential))
  }

  remember(party: string, credential: Credential, space: Space): void {
    const key = keyOf(party, credential)
    this.#spaces.delete(key)
    this.#spaces.set(key, space)
    if (this.#spaces.size <= MAX_SPACES) return
    const [oldest] = this.#spaces.keys()
    if (oldest !== undefined) this.#spaces.delete(oldest)
  }

  /** It did not let us in: others are not to be refused by it too. */
  forget(party: string, credential: Credential, space: Space): void {
    const key = keyOf(party, credential)
    if (this.#spaces.get(key) === space) this.#spaces.delete(key)
  }
}

/** The rounds of one request with one party. */
export class Conversation {
  readonly #memory: AuthenticationMemory
  readonly #tools: AuthenticationTools
  readonly #credential: Credential
  #answers = 0
  #sent: Space | undefined

  constructor(memory: AuthenticationMemory, tools: AuthenticationTools, credential: Credential) {
    this.#memory = memory
    this.#tools = tools
    this.#credential = credential
  }

  /** What to send without being asked; undefined where nobody asked before. */
  unasked(request: AuthorizedRequest): string | undefined {
    const space = this.#memory.find(request.party, this.#credential)
    if (space === undefined || !covers(space, request.uri)) return undefined
    return this.#authorize(space, request)
  }

  /** The answer to a 401 or 407 with these challenges; undefined when there is none, or the credential was refused. */
  answer(request: AuthorizedRequest, fields: readonly string[]): string | undefined {
    const challenge = strongest(parseChallenges(fields), this.#credential)
    const refused = this.#sent
    if (challenge === undefined || this.#answers >= MAX_ANSWERS || !this.#isNews(challenge)) {
      if (refused !== undefined) this.#memory.forget(request.party, this.#credential, refused)
      return undefined
    }
    this.#answers += 1
    const space: Space = {challenge, roots: rootsOf(challenge, request), count: 0}
    this.#memory.remember(request.party, this.#credential, space)
    return this.#authorize(space, request)
  }

  /** The same answer again would be refused again; a nonce that was replaced is another question. */
  #isNews(challenge: Known): boolean {
    const sent = this.#sent?.challenge
    if (sent === undefined || sent.scheme !== challenge.scheme) return true
    if (challenge.scheme === 'basic' || sent.scheme === 'basic' || sent.nonce === challenge.nonce) return false
    // What was sent unasked may have been too old, whether the server says so or not.
    return challenge.stale || this.#answers === 0
  }

  #authorize(space: Space, {method, uri}: AuthorizedRequest): string {
    const {challenge} = space
    this.#sent = space
    if (challenge.scheme === 'basic') return basicAuthorization(this.#credential)
    space.count += 1
    const request = {method, uri, count: space.count, cnonce: this.#tools.nonce()}
    return digestAuthorization(challenge, this.#credential, request, this.#tools.hash)
  }
}

/** UTF-8, as RFC 7617 2.1 has it for servers that say what they expect. */
export function basicAuthorization({userName, password}: Credential): string {
  const bytes = new TextEncoder().encode(`${userName}:${password}`)
  return `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}`
}

function strongest(challenges: readonly Challenge[], {userName}: Credential): Known | undefined {
  const digests = challenges.map(digestChallengeOf).filter((each) => each !== undefined)
  const [best] = digests.sort((one, other) => STRENGTH[other.algorithm] - STRENGTH[one.algorithm])
  if (best !== undefined) return best
  // A colon would end the name (RFC 7617 2).
  const isPossible = !userName.includes(':') && challenges.some(({scheme}) => scheme === 'basic')
  return isPossible ? {scheme: 'basic'} : undefined
}

/** Basic holds for the directory of the path and below; Digest for what it names, else for all of the party. */
function rootsOf(challenge: Known, {party, uri}: AuthorizedRequest): readonly string[] {
  if (!uri.startsWith('/')) return []
  if (challenge.scheme === 'basic') {
    const [path = ''] = uri.split(/[?#]/, 1)
    return [path.slice(0, path.lastIndexOf('/') + 1)]
  }
  const roots = challenge.domain.flatMap((address) => {
    if (!URL.canParse(address, party)) return []
    const url = new URL(address, party)
    return url.origin === party ? [url.pathname] : []
  })
  return challenge.domain.length > 0 && roots.length === 0 ? [uri] : roots
}

function covers({roots}: Space, uri: string): boolean {
  return roots.length === 0 || roots.some((root) => uri.startsWith(root))
}

function keyOf(party: string, {userName, password}: Credential): string {
  return `${party}\n${userName}\n${password}`
}
