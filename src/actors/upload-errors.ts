/** What there is to say of an upload that its server took, or cannot have taken. */

import {asTransferError, TransferError} from '../domain/errors.ts'

/** No server can have stored what it never got, whatever it says. */
export function answeredTooEarly(url: string, sent: number, expected: number): TransferError {
  return new TransferError('TRUNCATED', 'the server answered before it had the whole request', {
    where: new URL(url).origin,
    details: {expected, sent},
  })
}

/** The server has it: sending it again, once there is room, would store it twice. */
export function acceptedButNotKept(thrown: unknown): TransferError {
  const {code, message, where} = asTransferError(thrown)
  return new TransferError(code, `the server took the upload, and its answer could not be kept: ${message}`, {
    retry: 'never',
    ...(where === undefined ? {} : {where}),
    advice: 'make room or mend the disk of the store; do not send it again unasked',
    cause: thrown,
  })
}
