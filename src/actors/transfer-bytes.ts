/** The actor `transferBytes`: one try of a download. Stopping it closes its connections. */

import {fromCallback} from 'xstate'
import type {AttemptCommand, AttemptInput} from '../domain/attempt.ts'
import {Attempt, type TransferBytesPorts} from './attempt.ts'

export function createTransferBytes(ports: TransferBytesPorts) {
  return fromCallback<AttemptCommand, AttemptInput>(({input, sendBack, receive}) => {
    const attempt = new Attempt(ports, input, sendBack)
    receive((command) => attempt.obey(command))
    void attempt.run()
    return () => attempt.abandon()
  })
}
