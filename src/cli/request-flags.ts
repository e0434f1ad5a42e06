/** What `get` and `put` ask alike of new transfers, and of those that they go on with. */

import type {Credential} from '../domain/credential.ts'
import {
  type BackgroundDownloader,
  BackgroundTransferBehavior,
  type BackgroundTransferCostPolicy,
  type BackgroundTransferEngine,
  type BackgroundTransferPriority,
  type BackgroundUploader,
  type DownloadOperation,
  PasswordCredential,
  type UploadOperation,
} from '../index.ts'
import type {Header} from './parse.ts'
import type {RunFlags} from './run-flags.ts'

/** Times in ms. */
export interface RequestFlags extends RunFlags {
  readonly header?: readonly Header[]
  readonly headerFile?: string
  readonly user?: Credential
  readonly retries?: number
  readonly retryDelay?: number
  readonly connectTimeout?: number
  readonly responseTimeout?: number
  readonly stallTimeout?: number
  readonly group?: string
  readonly serialized?: boolean
  readonly priority?: BackgroundTransferPriority
  readonly cost?: BackgroundTransferCostPolicy
}

export function limitsOf({retries, retryDelay, connectTimeout, responseTimeout, stallTimeout}: RequestFlags) {
  return {
    ...(retries === undefined ? {} : {retries}),
    ...(retryDelay === undefined ? {} : {retryDelayMs: retryDelay}),
    ...(connectTimeout === undefined ? {} : {connectTimeoutMs: connectTimeout}),
    ...(responseTimeout === undefined ? {} : {responseTimeoutMs: responseTimeout}),
    ...(stallTimeout === undefined ? {} : {stallTimeoutMs: stallTimeout}),
  }
}

/** The settings of whatever makes the new transfers. */
export function applySettings<Maker extends BackgroundDownloader | BackgroundUploader>(
  engine: BackgroundTransferEngine,
  maker: Maker,
  {group, serialized, cost, user}: RequestFlags,
  headers: readonly Header[],
): Maker {
  if (group !== undefined) maker.transferGroup = engine.createGroup(group)
  if (serialized === true && maker.transferGroup !== null) {
    maker.transferGroup.transferBehavior = BackgroundTransferBehavior.serialized
  }
  if (cost !== undefined) maker.costPolicy = cost
  for (const [name, value] of headers) maker.setRequestHeader(name, value)
  if (user !== undefined) maker.serverCredential = passwordCredential(user)
  return maker
}

/** What this call asks differently of an unfinished transfer holds from now on. `keeps`: what cannot be changed any more. */
export function changeUnfinished(
  operation: DownloadOperation | UploadOperation,
  flags: RequestFlags,
  headers: readonly Header[],
  keeps: (flag: string) => void,
): void {
  const {priority, cost, group, user} = flags
  const limits = limitsOf(flags)
  if (Object.keys(limits).length > 0) operation.changeOptions(limits)
  if (cost !== undefined && cost !== operation.costPolicy) operation.costPolicy = cost
  if (priority !== undefined && priority !== operation.priority) operation.priority = priority
  if (group !== undefined && group !== operation.group) keeps('--group')
  for (const [name] of headers) operation.removeRequestHeader(name)
  for (const [name, value] of headers) operation.setRequestHeader(name, value)
  if (user !== undefined) operation.setCredentials({server: passwordCredential(user)})
}

function passwordCredential({userName, password}: Credential): PasswordCredential {
  return new PasswordCredential('bgt', userName, password)
}
