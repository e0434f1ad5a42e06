/** The actor `transferBytes`: one try of a download. Stopping it closes its connections. */

import {fromCallback} from 'xstate'
import type {AttemptCommand, AttemptInput} from '../domain/attempt.ts'
import {Attempt, type TransferBytesPorts} from './attempt.ts'
import type {OpenTries} from './open-tries.ts'

export function createTransferBytes(ports: TransferBytesPorts, tries: OpenTries) {
  return fromCallback<AttemptCommand, AttemptInput>(({input, sendBack, receive}) => {
    const attempt = new Attempt(ports, input, sendBack)
    const {id} = input.facts
    tries.begin(id, attempt)
    receive((command) => attempt.obey(command))
    void attempt.run()
    return () => {
      tries.end(id, attempt)
      attempt.abandon()
    }
  })
}
