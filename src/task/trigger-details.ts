/** BackgroundTransferCompletionGroupTriggerDetails (spec 2.3): what a completion group's task is told of its members. */

import type {TaskLaunch} from '../domain/task-view.ts'
import {EndedDownload, EndedUpload} from './ended-transfer.ts'

export class BackgroundTransferCompletionGroupTriggerDetails {
  /** Every download of the group, whatever became of it, in the order of creation. */
  readonly downloads: readonly EndedDownload[]
  /** Every upload of the group, in the order of creation. */
  readonly uploads: readonly EndedUpload[]

  /** Made where a task is launched, and nowhere else. */
  constructor({downloads, uploads}: Pick<TaskLaunch, 'downloads' | 'uploads'>) {
    this.downloads = Object.freeze(downloads.map((view) => new EndedDownload(view)))
    this.uploads = Object.freeze(uploads.map((view) => new EndedUpload(view)))
    Object.freeze(this)
  }
}
