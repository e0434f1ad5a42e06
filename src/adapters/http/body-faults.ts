/** What is said of a body that did not come to its end; the bytes that came are delivered, and another try goes on from there. */

import {TransferError} from '../../domain/errors.ts'
import type {Framing} from './response-head.ts'

/** `cause`: what broke the connection; absent where it ended. */
export function truncatedBody(origin: string, framing: Framing, received: number, cause?: Error): TransferError {
  const message =
    framing.kind === 'close' && cause === undefined
      ? 'the connection ended before TLS did, and nothing else shows where the body ends'
      : 'the connection ended in the middle of the body'
  return new TransferError('TRUNCATED', message, {
    where: origin,
    details: {...(framing.kind === 'length' ? {expected: framing.length} : {}), received},
    ...(cause === undefined ? {} : {cause}),
  })
}

/** The only way to hold back a connection that is not ours. */
export function tooFastBody(origin: string): TransferError {
  const message = 'the connection was cut because its bytes come faster than they can be stored'
  return new TransferError('CONNECTION_RESET', message, {where: origin})
}
