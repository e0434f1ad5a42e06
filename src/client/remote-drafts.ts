/**
 * Operations to come, on their way to a host: the bodies that are sent for them, and the drafts by which they are started. A body is
 * kept until what it is for has started: a host that dies takes its own along.
 */

import {asTransferError} from '../domain/errors.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {ContentPiece} from '../domain/request-content.ts'
import type {OperationDraft} from '../engine/engine-api.ts'
import type {CallAnswer, CallInput} from '../host/protocol.ts'
import {spoolName} from '../ports/spool.ts'
import type {StreamCopies, StreamCopy} from '../ports/stream-copies.ts'
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
  readonly copies: StreamCopies
}

interface SentBody {
  readonly copy: StreamCopy
  readonly size: number
  /** Of the link, in which the host got it. */
  readonly life: number
}

export class RemoteDrafts {
  readonly #options: RemoteDraftsOptions
  /** Of operations that were not started yet. */
  readonly #bodies = new Map<OperationId, SentBody>()
  /** On their way to another host. */
  readonly #renewing = new Map<OperationId, Promise<void>>()

  constructor(options: RemoteDraftsOptions) {
    this.#options = options
  }

  async start(
    drafts: readonly OperationDraft[],
    onHeld?: (held: RemoteOperation) => void,
  ): Promise<readonly RemoteOperation[]> {
    const {operations} = this.#options
    const held = await this.#send(drafts, true, (snapshots) => snapshots.map((each) => operations.hold(each)))
    for (const each of held) {
      each.isAttached = true
      onHeld?.(each)
    }
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
    this.#options.link.demandOpen()
    signal?.throwIfAborted()
    const copy = await this.#options.copies.open(id, chunks)
    try {
      const body = await this.#give(id, copy, signal)
      // The host may have taken it while the goodbye was on its way, behind the end of all others.
      this.#options.link.demandOpen()
      this.#bodies.set(id, body)
      return {kind: 'spool', name: spoolName(id, 'body'), size: body.size}
    } catch (thrown) {
      copy.close()
      throw thrown
    }
  }

  dropBody(id: OperationId): void {
    if (this.#forget(id)) this.#options.calls.tell('dropBody', {id})
  }

  /** The link is over. */
  end(): void {
    for (const id of [...this.#bodies.keys()]) this.#forget(id)
  }

  #forget(id: OperationId): boolean {
    this.#bodies.get(id)?.copy.close()
    return this.#bodies.delete(id)
  }

  async #give(id: OperationId, copy: StreamCopy, signal?: AbortSignal): Promise<SentBody> {
    try {
      const {answer, life} = await this.#options.link.send(`body?guid=${id}`, copy, signal)
      return {copy, life, size: (answer as {readonly size: number}).size}
    } catch (thrown) {
      // The host may have died as well.
      signal?.throwIfAborted()
      throw copy.failure === undefined ? thrown : copy.failure.reason
    }
  }

  /** Undefined where the host has what these drafts need. */
  #renewBodies(ids: readonly OperationId[]): Promise<unknown> | undefined {
    const lost = ids.filter((id) => (this.#bodies.get(id)?.life ?? this.#options.link.life) !== this.#options.link.life)
    return lost.length === 0 ? undefined : Promise.all(lost.map((id) => this.#renew(id)))
  }

  #renew(id: OperationId): Promise<void> {
    const renewing = this.#renewing.get(id) ?? this.#giveAgain(id).finally(() => this.#renewing.delete(id))
    this.#renewing.set(id, renewing)
    return renewing
  }

  async #giveAgain(id: OperationId): Promise<void> {
    const body = this.#bodies.get(id)
    if (body === undefined) return
    try {
      const given = await this.#give(id, body.copy)
      if (this.#bodies.has(id)) this.#bodies.set(id, given)
    } catch (thrown) {
      // The start was heard by the host that died: it is on record, with its body, and is told as it stands.
      if (asTransferError(thrown).code !== 'INVALID_ARGUMENT') throw thrown
      if (this.#bodies.has(id)) this.#bodies.set(id, {...body, life: this.#options.link.life})
    }
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
      const input = {drafts: drafts.map(plainDraft), hold}
      const used = await calls.callAnd('start', input, use, () => this.#renewBodies(ids))
      for (const id of ids) this.#forget(id)
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
