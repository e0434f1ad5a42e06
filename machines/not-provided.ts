/** What stands in a chart for an actor, or an action, that the engine provides: to run it before is a mistake of ours. */

import {TransferError} from '../src/domain/errors.ts'

export const notProvided = (name: string) => (): never => {
  throw new TransferError('INTERNAL', `the actor ${name} was not provided`)
}
