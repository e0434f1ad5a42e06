import {TransferError} from '../domain/errors.ts'

/** What is asked for later than it was said: by then it may be too late, and that is no error. */
export function ifPossible(call: () => void): void {
  try {
    call()
  } catch (error) {
    const isTooLate = error instanceof TransferError && (error.code === 'ILLEGAL_STATE' || error.code === 'CLOSED')
    if (!isTooLate) throw error
  }
}
