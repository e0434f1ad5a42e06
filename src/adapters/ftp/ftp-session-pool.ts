/**
 * Sessions that lie idle: logged in, and to be had by the next exchange with the same access. They count as no slot of an origin, so
 * there are few of them, for a short time, and never more to a server than there were exchanges with it at once.
 */

import {KEEP_ALIVE_MS} from '../http/limits.ts'
import {type FtpAccess, isSameAccess, isSameServer} from './ftp-access.ts'
import type {FtpSession} from './ftp-session.ts'

/** Many servers let few sessions of one address in, and other programs may want some. */
const MAX_IDLE_PER_SERVER = 8
const MAX_IDLE = 32

export class FtpSessionPool {
  readonly #idleMs: number
  /** Oldest first. */
  readonly #idle: FtpSession[] = []
  #isClosed = false

  constructor({idleMs = KEEP_ALIVE_MS}: {readonly idleMs?: number} = {}) {
    this.#idleMs = idleMs
  }

  /** The youngest, which is the least likely to be closed by the server; where there is none, another one makes room for a new one. */
  take(access: FtpAccess): FtpSession | undefined {
    const session = this.#idle.findLast((each) => isSameAccess(each.access, access))
    if (session === undefined) {
      // A server that takes so many sessions and no more is not to refuse the new one for the sake of one that nobody needs.
      this.#close(this.#idle.find((each) => isSameServer(each.access, access)))
      return undefined
    }
    this.#forget(session)
    session.wake()
    return session
  }

  /** `session` is in order. */
  keep(session: FtpSession): void {
    if (this.#isClosed) {
      session.close()
      return
    }
    this.#idle.push(session)
    session.rest(this.#idleMs, () => this.#close(session))
    const ofServer = this.#idle.filter((each) => isSameServer(each.access, session.access))
    if (ofServer.length > MAX_IDLE_PER_SERVER) this.#close(ofServer[0])
    else if (this.#idle.length > MAX_IDLE) this.#close(this.#idle[0])
  }

  /** Where one was found dead, its neighbours are not trusted either. */
  giveUp(access: FtpAccess): void {
    for (const session of this.#idle.filter((each) => isSameAccess(each.access, access))) this.#close(session)
  }

  /** Those that are connected from there are of no more use. */
  addressesGone(addresses: ReadonlySet<string>): void {
    for (const session of [...this.#idle]) if (session.goneFrom(addresses) !== undefined) this.#close(session)
  }

  /** What comes later is closed at once. */
  close(): void {
    this.#isClosed = true
    for (const session of [...this.#idle]) this.#close(session)
  }

  #close(session: FtpSession | undefined): void {
    if (session === undefined) return
    this.#forget(session)
    session.close()
  }

  #forget(session: FtpSession): void {
    const place = this.#idle.indexOf(session)
    if (place >= 0) this.#idle.splice(place, 1)
  }
}
