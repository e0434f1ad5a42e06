/**
 * AttemptProvider: the application gives a transfer, before each of its tries, what does not last: a token, a signed address.
 * Called in the process that runs the transfer; it keeps the provider's name only, so that a later session can find it again.
 */

import {type SerializedError, TransferError} from '../domain/errors.ts'
import type {TransferRequest} from '../domain/record.ts'

/** The try that is about to be made. */
export interface ComingAttempt {
  readonly guid: string
  /** The transfer's own address. */
  readonly url: string
  /** 1 for the first of a start. The requests of an upload protocol are asked for one by one, under the number of their try. */
  readonly attempt: number
  /** What became of the one before, where it failed. */
  readonly lastError: SerializedError | undefined
  /** Aborted when the transfer does not wait any more (a pause, a timeout). */
  readonly signal: AbortSignal
}

export interface AttemptProvider {
  /**
   * Headers for the requests of the next try, in place of those of the same names. Of one provider one call is made at a time:
   * all transfers that ask meanwhile have its answer. Secrets, whatever their names: never stored, and not sent to other
   * origins. FTP has none.
   */
  headers?(asked: {readonly signal: AbortSignal}): HeadersGiven | Promise<HeadersGiven>
  /**
   * The address for the next try of this transfer; undefined for its own. Whether a download's bytes go on is for validators to
   * say. Of an ftp download an ftp address, with NAME:PASSWORD@ where it is to log in otherwise than the download's own.
   */
  url?(coming: ComingAttempt): AddressGiven | Promise<AddressGiven>
}

export type HeadersGiven = Readonly<Record<string, string>>
export type AddressGiven = URL | string | undefined

/** By name; a transfer says the name. */
export type AttemptProviders = Readonly<Record<string, AttemptProvider>>

/** Undefined where the request names none. Throws PROVIDER_UNKNOWN. */
export function providerOf(
  providers: AttemptProviders,
  {provider: name}: TransferRequest,
): AttemptProvider | undefined {
  if (name === undefined) return undefined
  const provider = Object.hasOwn(providers, name) ? providers[name] : undefined
  if (provider !== undefined) return provider
  throw new TransferError('PROVIDER_UNKNOWN', 'the engine was opened without the provider of this transfer', {
    where: name,
  })
}
