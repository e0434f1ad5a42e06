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
  /** What was there when it began, taken apart with the first look: short runs have none. */
  #first: Interfaces = {}

  /** `settleMs`: one that is renewed may be away for a moment. */
  constructor(settleMs: number) {
    this.#settleMs = settleMs
  }

  begin(interfaces: Interfaces): void {
    this.#first = interfaces
  }

  /**
   * Those that have been gone for long enough at this look, each once. `doesExist`: whether there is an interface of this name, also
   * one without addresses. `now`: ms of a clock that nobody sets.
   */
  look(interfaces: Interfaces, doesExist: (name: string) => boolean, now: number): readonly string[] {
    this.#note(this.#first)
    this.#first = {}
    const gone: string[] = []
    for (const [address, name] of this.#known) {
      const isReplaced = (interfaces[name] ?? []).some((other) => isIPv6(other.address) === isIPv6(address))
      if (isThere(interfaces, address) || (doesExist(name) && !isReplaced)) {
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
    this.#note(interfaces)
    return gone
  }

  #note(interfaces: Interfaces): void {
    for (const [name, infos = []] of Object.entries(interfaces))
      for (const {address} of infos) this.#known.set(address, name)
  }
}

function isThere(interfaces: Interfaces, address: string): boolean {
  return Object.values(interfaces).some((infos) => infos?.some((info) => info.address === address))
}
