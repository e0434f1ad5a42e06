/** The actor `movePart`: one more connection of the try under way. Stopping it closes that connection. */

import {fromCallback, fromPromise} from 'xstate'
import type {OperationId} from '../domain/operation-id.ts'
import type {PartCommand, PartDecision, PartId, WeighPartInput} from '../domain/part.ts'
import {decideRetry} from '../domain/retry.ts'
import type {Clock} from '../ports/clock.ts'
import type {Random} from '../ports/random.ts'
import type {OpenTries} from './open-tries.ts'

export function createMovePart(tries: OpenTries) {
  return fromCallback<PartCommand, {readonly operation: OperationId; readonly part: PartId}>(
    ({input: {operation, part}, sendBack, receive}) => {
      const attempt = tries.of(operation)
      let position = 0
      receive(() => {
        position = attempt?.pulsePart(part, position) ?? position
      })
      if (attempt === undefined) sendBack({type: 'part.finished'})
      else attempt.runPart(part, sendBack)
      return () => attempt?.leavePart(part)
    },
  )
}

/** The actor `weighPart`: the retry table, for a part. Another part or the operation itself goes on at once: this one waits. */
export function createWeighPart(clock: Clock, random: Random) {
  return fromPromise<PartDecision, WeighPartInput>(async ({input: {error, counts, settings, recoverable}}) => {
    const now = clock.now()
    const {retry} = settings
    const decision = decideRetry({error, counts, settings: retry, recoverable, now, random: random.next()})
    switch (decision.kind) {
      case 'atOnce':
        return {kind: 'retry', afterMs: 0}
      case 'waitUntil':
        return {kind: 'retry', afterMs: Math.max(0, decision.at - now)}
      default:
        return {kind: 'end'}
    }
  })
}
