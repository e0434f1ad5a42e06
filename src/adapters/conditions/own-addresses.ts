/**
 * Which addresses of this machine are gone, so that nothing can come to them any more: another network gave its interface others, or
 * its interface is no more, as that of a tunnel. One that has lost its cable for a while may keep its addresses: it is waited for.
 */

import {isIPv6} from 'node:net'
import type {Interfaces} from './interfaces.ts'

export class OwnAddresses {
  readonly #settleMs: number
  /** By address: its interface, as it was last seen there. */
  readonly #known = new Map<string, string>()
  /** By address: when it was first found gone. */
  readonly #goneSince = new Map<string, number>()

  /** `settleMs`: one that is renewed may be away for a moment. */
  constructor(settleMs: number) {
    this.#settleMs = settleMs
  }

  /**
   * Those that have been gone for long enough at this look, each once. `doesExist`: whether there is an interface of this name, also
   * one without addresses. `now`: ms of a clock that nobody sets.
   */
  look(interfaces: Interfaces, doesExist: (name: string) => boolean, now: number): readonly string[] {
    const present = new Map(
      Object.entries(interfaces).flatMap(([name, infos = []]) => infos.map(({address}) => [address, name] as const)),
    )
    const gone: string[] = []
    for (const [address, name] of this.#known) {
      const isReplaced = (interfaces[name] ?? []).some((other) => isIPv6(other.address) === isIPv6(address))
      if (present.has(address) || (doesExist(name) && !isReplaced)) {
        this.#goneSince.delete(address)
        continue
      }
      const since = this.#goneSince.get(address) ?? now
      this.#goneSince.set(address, since)
      if (now - since >= this.#settleMs) gone.push(address)
    }
    for (const address of gone) {
      this.#known.delete(address)
      this.#goneSince.delete(address)
    }
    for (const [address, name] of present) this.#known.set(address, name)
    return gone
  }
}
