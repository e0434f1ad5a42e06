/** BackgroundTransferError (spec 2.5): from an HRESULT, or from an error that carries one, to a WebErrorStatus. */

import {getStatus} from '../domain/get-status.ts'
import type {WebErrorStatus} from '../domain/web-error-status.ts'

export const BackgroundTransferError = {
  /**
   * `error`: an HRESULT, signed or unsigned 32 bits, or whatever a promise rejected with, a TransferError most of all. Anything
   * not convertible gives WebErrorStatus.unknown (0).
   */
  getStatus(error: unknown): WebErrorStatus {
    if (typeof error === 'number') return getStatus(error)
    const hresult = typeof error === 'object' && error !== null && 'number' in error ? error.number : undefined
    return getStatus(typeof hresult === 'number' ? hresult : 0)
  },
} as const
