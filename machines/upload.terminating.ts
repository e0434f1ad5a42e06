/**
 * The state `terminating` of an upload: its server is told to forget it. Two states of the chart do so, after a failure for good
 * and after a cancel, and go elsewhere from there.
 */

import type {StepInput} from '../src/domain/upload-steps.ts'
import type {UploadContext} from './upload.setup.ts'

const factsOf = ({context}: {readonly context: UploadContext}) => ({facts: context.facts})
const toTerminate = ({context}: {readonly context: UploadContext}): StepInput => ({
  facts: context.facts,
  step: 'terminate',
})

/** However a termination ends, and whatever its provider says: whoever waits for it waits no longer. */
export const terminatingBy = <Refreshment extends string, Telling extends string>({
  ids: [refreshment, telling],
  here,
  target,
}: {
  readonly ids: readonly [Refreshment, Telling]
  readonly here: string
  readonly target: string
}) =>
  ({
    description: 'The server is told that it is not wanted any more',
    initial: 'beginning',
    on: {
      'attempt.finished': target,
      'attempt.stepped': target,
      'attempt.lost': target,
      'attempt.failed': target,
    },
    after: {terminationTimeout: target},
    states: {
      beginning: {
        description: 'Whether a provider is asked first',
        always: [{guard: 'hasProvider', target: `${here}.refreshing`}, {target: `${here}.telling`}],
      },
      refreshing: {
        description: 'The application’s provider gives what the request needs; without it, it goes out all the same',
        invoke: {
          id: refreshment,
          src: 'refreshRequest',
          input: factsOf,
          onDone: `${here}.telling`,
          onError: `${here}.telling`,
        },
      },
      telling: {
        description: 'The request goes out',
        invoke: {id: telling, src: 'performStep', input: toTerminate, onError: target},
      },
    },
  }) as const
