/**
 * Groups of a host, as a client sees them: settings are known from what the host told last, and one that was asked for holds until
 * the host has answered.
 */

import type {BackgroundTransferBehavior} from '../domain/behavior.ts'
import {isUnset} from '../domain/group-settings.ts'
import type {GroupRecord} from '../domain/record.ts'
import {byteRate} from '../engine/options.ts'
import type {CallQueue} from './call-queue.ts'
import type {HostLink} from './host-link.ts'

export class RemoteGroups {
  readonly #calls: CallQueue
  readonly #link: Pick<HostLink, 'demandOpen'>
  readonly #told = new Map<string, GroupRecord>()
  /** What was asked for last, until the host has answered. */
  readonly #wishes = new Map<string, Pick<GroupRecord, 'behavior'>>()

  constructor(calls: CallQueue, link: Pick<HostLink, 'demandOpen'>) {
    this.#calls = calls
    this.#link = link
  }

  /** Every group that has a setting. */
  toldAll(groups: readonly GroupRecord[]): void {
    this.#told.clear()
    for (const group of groups) this.told(group)
  }

  /** The order of its line is the host's, which does not tell when that has run out. */
  told({front: _, ...group}: GroupRecord): void {
    if (isUnset(group)) this.#told.delete(group.name)
    else this.#told.set(group.name, group)
  }

  get(name: string): GroupRecord {
    return {...(this.#told.get(name) ?? {name, behavior: 0}), ...this.#wishes.get(name)}
  }

  /** Throws CLOSED. */
  setBehavior(name: string, behavior: BackgroundTransferBehavior): Promise<void> {
    this.#link.demandOpen()
    const wish = {behavior}
    this.#wishes.set(name, wish)
    const unwish = () => {
      if (this.#wishes.get(name) === wish) this.#wishes.delete(name)
    }
    return this.#calls.callAnd('setBehavior', {group: name, behavior}, unwish).catch((error) => {
      unwish()
      throw error
    })
  }

  /** Rejects with INVALID_ARGUMENT. */
  async limitRate(name: string, bytesPerSecond: number | undefined): Promise<void> {
    const limit = byteRate('bytesPerSecond', bytesPerSecond) ?? null
    await this.#calls.call('limitGroupRate', {group: name, bytesPerSecond: limit})
  }

  async pause(name: string): Promise<void> {
    await this.#calls.call('pauseGroup', {group: name})
  }

  async resume(name: string): Promise<void> {
    await this.#calls.call('resumeGroup', {group: name})
  }

  async cancel(name: string): Promise<void> {
    await this.#calls.call('cancelGroup', {group: name})
  }
}
