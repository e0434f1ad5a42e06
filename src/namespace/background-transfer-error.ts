/** BackgroundTransferError (spec 2.5): from an HRESULT to a WebErrorStatus. */

import {getStatus} from '../domain/hresult.ts'
import type {WebErrorStatus} from '../domain/web-error-status.ts'

export const BackgroundTransferError = {
  /** `hresult`: signed or unsigned 32 bits. Anything not convertible gives WebErrorStatus.unknown (0). */
  getStatus(hresult: number): WebErrorStatus {
    return getStatus(hresult)
  },
} as const
