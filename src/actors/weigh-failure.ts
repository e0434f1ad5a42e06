/** The actor `weighFailure`: the retry table with the present time and a throw of the dice. */

import {fromPromise} from 'xstate'
import type {WeighFailureInput} from '../domain/attempt.ts'
import {elsewhere} from '../domain/mirrors.ts'
import {decideRetry, type RetryDecision} from '../domain/retry.ts'
import type {Clock} from '../ports/clock.ts'
import type {Random} from '../ports/random.ts'

export function createWeighFailure(clock: Clock, random: Random) {
  return fromPromise<RetryDecision, WeighFailureInput>(async ({input: {facts, error, retry}}) =>
    elsewhere(
      decideRetry({
        error,
        counts: facts.attempts,
        settings: retry,
        recoverable: facts.policy.recoverable ?? [],
        refreshes: facts.request.provider !== undefined,
        now: clock.now(),
        random: random.next(),
      }),
      facts,
      error,
      retry.maxAttempts,
    ),
  )
}
