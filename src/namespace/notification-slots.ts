/** The four notifications of a downloader or uploader (spec 11.5), and the batch that each of its operations belongs to. */

import {invalidArgument} from '../domain/errors.ts'
import type {BatchNotices, NotificationBatch} from '../domain/notice.ts'
import type {TallyId} from '../domain/operation-id.ts'
import type {EngineApi, OperationDraft} from '../engine/engine-api.ts'
import {TileNotification, ToastNotification, tileNotice, toastNotice} from './notifications.ts'
import {refuseOtherCopy} from './other-copies.ts'

interface Slots {
  successToast: ToastNotification | null
  failureToast: ToastNotification | null
  successTile: TileNotification | null
  failureTile: TileNotification | null
}

export class NotificationSlots {
  readonly #slots: Slots = {successToast: null, failureToast: null, successTile: null, failureTile: null}
  /** By transfer group: the batch of its operations, as long as what they tell stays the same. */
  readonly #batches = new Map<string, {readonly told: string; readonly batch: NotificationBatch}>()

  get<Name extends keyof Slots>(name: Name): Slots[Name] {
    return this.#slots[name]
  }

  /** Throws INVALID_ARGUMENT, in the name of the member. */
  setToast(name: 'successToast' | 'failureToast', toast: ToastNotification | null): void {
    if (toast !== null && !(toast instanceof ToastNotification)) {
      refuseOtherCopy(`${name}Notification`, toast, 'ToastNotification')
      throw invalidArgument(`${name}Notification`, 'must be a ToastNotification, or null')
    }
    this.#slots[name] = toast
  }

  setTile(name: 'successTile' | 'failureTile', tile: TileNotification | null): void {
    if (tile !== null && !(tile instanceof TileNotification)) {
      refuseOtherCopy(`${name}Notification`, tile, 'TileNotification')
      throw invalidArgument(`${name}Notification`, 'must be a TileNotification, or null')
    }
    this.#slots[name] = tile
  }

  /**
   * The draft as a member of its batch: with the others of its transfer group, or by itself without one. What is told is read
   * now: after a change it is another batch.
   */
  join(engine: EngineApi, draft: OperationDraft): OperationDraft {
    const notices = this.#notices()
    if (notices === undefined) return draft
    const {group} = draft.policy
    // Nothing else belongs to it, so that its own guid will do, and nobody has to wait for others.
    if (group === '') return {...draft, notificationBatch: {id: draft.id as TallyId, notices}}
    const told = JSON.stringify(notices)
    const known = this.#batches.get(group)
    const batch = known?.told === told ? known.batch : {id: engine.notifications.create(), notices}
    if (batch !== known?.batch) this.#batches.set(group, {told, batch})
    engine.notifications.expect(batch.id, draft.id)
    return {...draft, notificationBatch: batch}
  }

  #notices(): BatchNotices | undefined {
    const {successToast, failureToast, successTile, failureTile} = this.#slots
    if (successToast === null && failureToast === null && successTile === null && failureTile === null) return undefined
    return {
      ...(successToast === null ? {} : {successToast: toastNotice(successToast)}),
      ...(failureToast === null ? {} : {failureToast: toastNotice(failureToast)}),
      ...(successTile === null ? {} : {successTile: tileNotice(successTile)}),
      ...(failureTile === null ? {} : {failureTile: tileNotice(failureTile)}),
    }
  }
}
