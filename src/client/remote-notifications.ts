/** The batches with notifications of a host, as a client knows them: which drafts of its own they wait for. */

import type {OperationId, TallyId} from '../domain/operation-id.ts'
import type {NotificationsApi, OperationDraft} from '../engine/engine-api.ts'
import type {CallQueue} from './call-queue.ts'

export class RemoteNotifications implements NotificationsApi {
  readonly #calls: CallQueue
  readonly #newId: () => TallyId
  /** Drafts that were created and not started, with their batch. */
  readonly #expected = new Map<OperationId, TallyId>()

  constructor(calls: CallQueue, newId: () => TallyId) {
    this.#calls = calls
    this.#newId = newId
  }

  create(): TallyId {
    return this.#newId()
  }

  expect(batch: TallyId, draft: OperationId): void {
    this.#expected.set(draft, batch)
    this.#calls.tell('expectNotified', {batch, drafts: [draft]})
  }

  withdraw(drafts: readonly Pick<OperationDraft, 'id'>[]): void {
    const expected = drafts.map(({id}) => id).filter((id) => this.#expected.has(id))
    this.started(drafts)
    if (expected.length > 0) this.#calls.tell('withdrawNotified', {drafts: expected})
  }

  /** They are the host's from now on. */
  started(drafts: readonly Pick<OperationDraft, 'id'>[]): void {
    for (const {id} of drafts) this.#expected.delete(id)
  }

  /** Another life of the host: what it kept in memory only is said again. */
  resync(): void {
    const batches = new Map<TallyId, OperationId[]>()
    for (const [draft, batch] of this.#expected) batches.set(batch, [...(batches.get(batch) ?? []), draft])
    for (const [batch, drafts] of batches) this.#calls.tell('expectNotified', {batch, drafts})
  }
}
