/** The namespace's interfaces (spec 4): what downloads and uploads have in common. */

import type {BackgroundTransferCostPolicy} from '../domain/cost-policy.ts'
import type {OperationId} from '../domain/operation-id.ts'
import type {BackgroundTransferPriority} from '../domain/priority.ts'
import type {BackgroundTransferContentPart} from './background-transfer-content-part.ts'
import type {PasswordCredential} from './password-credential.ts'
import type {ResponseInformation} from './response-information.ts'

/** IBackgroundTransferBase (spec 4.1): what gathers settings for operations to come. */
export interface IBackgroundTransferBase {
  /** Given to operations created afterwards. */
  costPolicy: BackgroundTransferCostPolicy
  /** The legacy group string; the same key as the transfer group's name. '' is none. */
  group: string
  /** The HTTP method; case is kept. */
  method: string
  /** For operations created afterwards; null is none. Throws INVALID_ARGUMENT. */
  proxyCredential: PasswordCredential | null
  /** For operations created afterwards; null is none. Throws INVALID_ARGUMENT. */
  serverCredential: PasswordCredential | null
  /** For operations created afterwards; repeated calls concatenate. Throws INVALID_ARGUMENT. */
  setRequestHeader(name: string, value: string): void
}

/** IBackgroundTransferOperation (spec 4.3): one transfer. */
export interface IBackgroundTransferOperation {
  /** Takes effect at once; throws ILLEGAL_STATE on a terminal operation. */
  costPolicy: BackgroundTransferCostPolicy
  /** The name of its transfer group; '' without one. */
  readonly group: string
  /** Lower case, without braces; the same in every session. */
  readonly guid: OperationId
  /** The HTTP method. */
  readonly method: string
  /** The address that it was asked for, which redirects do not change. */
  readonly requestedUri: URL
  /** The newest response, or null before any; the same object until a newer one arrives. */
  getResponseInformation(): ResponseInformation | null
  /** The result from `position` on, as it comes: a download's file, an upload's answer. Throws ILLEGAL_STATE before startAsync. */
  getResultStreamAt(position: number): ReadableStream<Uint8Array>
}

/** IBackgroundTransferOperationPriority (spec 4.4). */
export interface IBackgroundTransferOperationPriority {
  /** Queued operations move to the end of their new class; throws ILLEGAL_STATE on a terminal operation. */
  priority: BackgroundTransferPriority
}

/** IBackgroundTransferContentPartFactory (spec 4.2): the constructors of a part, by name. */
export interface IBackgroundTransferContentPartFactory {
  /** A form field. Throws INVALID_ARGUMENT. */
  createWithName(name: string): BackgroundTransferContentPart
  /** A file of a form. Throws INVALID_ARGUMENT. */
  createWithNameAndFileName(name: string, fileName: string): BackgroundTransferContentPart
}
