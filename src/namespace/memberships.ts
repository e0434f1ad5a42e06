/** What a downloader or uploader makes each of its operations a member of, beside the transfer group. */

import {invalidArgument} from '../domain/errors.ts'
import {assertOptions} from '../domain/given.ts'
import type {TallyId} from '../domain/operation-id.ts'
import {assertEngine} from '../engine/default-engine.ts'
import type {EngineApi, OperationDraft} from '../engine/engine-api.ts'
import {BackgroundTransferCompletionGroup} from './background-transfer-completion-group.ts'
import {refuseOtherCopy} from './other-copies.ts'

const GROUP = 'BackgroundTransferCompletionGroup'

export class Memberships {
  readonly engine: EngineApi
  readonly completionGroup: BackgroundTransferCompletionGroup | null

  /** `owner`: what the configurator was built with. Throws INVALID_ARGUMENT for anything that is neither. */
  constructor(owner: EngineApi | BackgroundTransferCompletionGroup) {
    const isGroup = owner instanceof BackgroundTransferCompletionGroup
    if (!isGroup) {
      refuseOtherCopy('completionGroup', owner, GROUP)
      assertEngine('completionGroup', 'must be a completion group', owner, 'createDownloader or createUploader')
    }
    this.completionGroup = isGroup ? owner : null
    this.engine = isGroup ? BackgroundTransferCompletionGroup.engineOf(owner) : owner
  }

  /** The draft as a member of all. Throws ILLEGAL_STATE once the completion group is enabled. */
  join(draft: OperationDraft): OperationDraft {
    if (this.completionGroup === null) return draft
    const completionGroup = this.completionGroup.id as TallyId
    try {
      this.engine.completionGroups.expect(completionGroup)
    } catch (error) {
      this.engine.limits.dropDraft(draft.id)
      throw error
    }
    return {...draft, completionGroup}
  }

  /** Drafts that nobody has a handle to, and that will never be started. */
  leave(drafts: readonly OperationDraft[]): void {
    for (const {id} of drafts) this.engine.limits.dropDraft(id)
    this.engine.completionGroups.withdraw(drafts)
    this.engine.notifications.withdraw(drafts)
  }
}

/** What a configurator of an engine is built with. Throws INVALID_ARGUMENT for a completion group of another one. */
export function ownerOf(
  engine: EngineApi,
  options: {readonly completionGroup?: BackgroundTransferCompletionGroup},
): EngineApi | BackgroundTransferCompletionGroup {
  // As the namespace's constructors take it: what nothing joins would fire at once.
  if (options instanceof BackgroundTransferCompletionGroup)
    throw invalidArgument('options', 'must be {completionGroup}, not the group itself')
  refuseOtherCopy('options', options, GROUP)
  assertOptions('options', options, {completionGroup: true})
  const {completionGroup} = options
  if (completionGroup === undefined) return engine
  if (!(completionGroup instanceof BackgroundTransferCompletionGroup))
    refuseOtherCopy('completionGroup', completionGroup, GROUP)
  else if (completionGroup.belongsTo(engine)) return completionGroup
  throw invalidArgument('completionGroup', 'must be a completion group of this engine')
}
