/** Operations to come, on their way to a host: the bodies that are sent for them, and the drafts by which they are started. */

import type {OperationId} from '../domain/operation-id.ts'
import type {ContentPiece} from '../domain/request-content.ts'
import type {OperationDraft} from '../engine/engine-api.ts'
import type {CallAnswer, CallInput} from '../host/protocol.ts'
import {spoolName} from '../ports/spool.ts'
import type {CallQueue} from './call-queue.ts'
import type {HostLink} from './host-link.ts'
import type {MirroredOperations} from './mirrored-operations.ts'
import type {RemoteCompletionGroups} from './remote-completion-groups.ts'
import type {RemoteNotifications} from './remote-notifications.ts'
import type {RemoteOperation} from './remote-operation.ts'
import type {WatchedEvents} from './watched-events.ts'

export interface RemoteDraftsOptions {
  readonly calls: CallQueue
  readonly link: HostLink
  readonly operations: MirroredOperations
  /** Who has to know what becomes of drafts. */
  readonly events: WatchedEvents
  readonly completionGroups: RemoteCompletionGroups
  readonly notifications: RemoteNotifications
}

export class RemoteDrafts {
  readonly #options: RemoteDraftsOptions
  /** Of operations that were not started yet. */
  readonly #sentBodies = new Set<OperationId>()

  constructor(options: RemoteDraftsOptions) {
    this.#options = options
  }

  async start(drafts: readonly OperationDraft[]): Promise<readonly RemoteOperation[]> {
    const {operations} = this.#options
    const held = await this.#send(drafts, true, (snapshots) => snapshots.map((each) => operations.hold(each)))
    for (const each of held) each.isAttached = true
    return held
  }

  async startMany(drafts: readonly OperationDraft[]): Promise<void> {
    try {
      await this.#send(drafts, false, () => undefined)
    } catch (error) {
      const {completionGroups, notifications} = this.#options
      // Nobody has a handle to start them with later.
      completionGroups.withdraw(drafts)
      notifications.withdraw(drafts)
      throw error
    }
  }

  async takeBody(id: OperationId, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ContentPiece> {
    const piece = (await this.#options.link.send(`body?guid=${id}`, chunks, signal)) as {size: number}
    this.#sentBodies.add(id)
    return {kind: 'spool', name: spoolName(id, 'body'), size: piece.size}
  }

  dropBody(id: OperationId): void {
    if (this.#sentBodies.delete(id)) this.#options.calls.tell('dropBody', {id})
  }

  async #send<Used>(
    drafts: readonly OperationDraft[],
    hold: boolean,
    use: (snapshots: CallAnswer<'start'>) => Used,
  ): Promise<Used> {
    const {calls, events, completionGroups, notifications} = this.#options
    const ids = drafts.map(({id}) => id)
    events.began(ids)
    try {
      const used = await calls.callAnd('start', {drafts: drafts.map(plainDraft), hold}, use)
      for (const id of ids) this.#sentBodies.delete(id)
      completionGroups.started(drafts)
      notifications.started(drafts)
      return used
    } catch (error) {
      events.refused(ids)
      throw error
    }
  }
}

/** What the host does not know better. */
function plainDraft(draft: OperationDraft): CallInput<'start'>['drafts'][number] {
  const {id, direction, request, target, policy, createdAt, completionGroup, notificationBatch} = draft
  return {
    id,
    direction,
    request,
    target,
    policy,
    createdAt,
    ...(completionGroup === undefined ? {} : {completionGroup}),
    ...(notificationBatch === undefined ? {} : {notificationBatch}),
  } as unknown as CallInput<'start'>['drafts'][number]
}
