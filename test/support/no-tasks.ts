/** A TaskRunner for worlds in which no background task is registered. */

import {TransferError} from '../../src/domain/errors.ts'
import type {TaskRunner} from '../../src/ports/task-runner.ts'

export const noTasks: TaskRunner = {
  locate: (entryPoint) => String(entryPoint),
  start: () => {
    throw new TransferError('NOT_SUPPORTED', 'no tasks run here')
  },
}
