/** What a BackgroundDownloader and a BackgroundUploader have in common (spec 4.1): settings for operations to come. */

import {BackgroundTransferCostPolicy} from '../domain/cost-policy.ts'
import {invalidArgument} from '../domain/errors.ts'
import {shown} from '../domain/given.ts'
import {withHeader} from '../domain/header-fields.ts'
import {parseProxy} from '../domain/proxy.ts'
import type {TransferPolicy, TransferRequest} from '../domain/record.ts'
import {changeCredentials, changeRequestHeaders, withAddress} from '../engine/bytes/transfer-request.ts'
import type {EngineApi, OperationDraft} from '../engine/engine-api.ts'
import type {BackgroundTransferCompletionGroup} from './background-transfer-completion-group.ts'
import {BackgroundTransferGroup} from './background-transfer-group.ts'
import type {IBackgroundTransferBase} from './interfaces.ts'
import {Memberships} from './memberships.ts'
import {NotificationSlots} from './notification-slots.ts'
import type {TileNotification, ToastNotification} from './notifications.ts'
import {refuseOtherCopy} from './other-copies.ts'
import {credentialOf, PasswordCredential} from './password-credential.ts'

export abstract class TransferSettings implements IBackgroundTransferBase {
  protected readonly engine: EngineApi
  readonly #memberships: Memberships
  readonly #notifications = new NotificationSlots()
  #method: string
  #group = ''
  #costPolicy: BackgroundTransferCostPolicy = BackgroundTransferCostPolicy.default
  #request: Omit<TransferRequest, 'url' | 'method'> = {headers: []}
  #serverCredential: PasswordCredential | null = null
  #proxyCredential: PasswordCredential | null = null

  protected constructor(completionGroup: BackgroundTransferCompletionGroup | EngineApi, method: string) {
    this.#memberships = new Memberships(completionGroup)
    this.engine = this.#memberships.engine
    this.#method = method
  }

  /** The group that it was built with, or null. */
  get completionGroup(): BackgroundTransferCompletionGroup | null {
    return this.#memberships.completionGroup
  }

  /**
   * For operations created afterwards: the HTTP method, whose case is kept; GET of a downloader and POST of an uploader by default.
   * Throws INVALID_ARGUMENT, for CONNECT too.
   */
  get method(): string {
    return this.#method
  }

  set method(method: string) {
    if (typeof method !== 'string' || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method)) {
      throw invalidArgument('method', 'must be an HTTP method name')
    }
    if (method === 'CONNECT') throw invalidArgument('method', 'must not be CONNECT: it transfers nothing')
    this.#method = method
  }

  /** For operations created afterwards: what they may cost; `default` by default. Throws INVALID_ARGUMENT. */
  get costPolicy(): BackgroundTransferCostPolicy {
    return this.#costPolicy
  }

  set costPolicy(policy: BackgroundTransferCostPolicy) {
    if (!Object.values(BackgroundTransferCostPolicy).includes(policy)) {
      throw invalidArgument('costPolicy', `must be 0, 1 or 2, not ${shown(policy)}`)
    }
    this.#costPolicy = policy
  }

  /** For operations created afterwards: the legacy group string, the same key as transferGroup (10.11). '' (default) is none. */
  get group(): string {
    return this.#group
  }

  set group(name: string) {
    this.#group = name === '' ? '' : BackgroundTransferGroup.of(this.engine, name).name
  }

  /** For operations created afterwards: the group that they join; null (default) is none. Throws INVALID_ARGUMENT. */
  get transferGroup(): BackgroundTransferGroup | null {
    return this.#group === '' ? null : BackgroundTransferGroup.of(this.engine, this.#group)
  }

  set transferGroup(group: BackgroundTransferGroup | null) {
    if (group !== null && !(group instanceof BackgroundTransferGroup)) {
      refuseOtherCopy('transferGroup', group, 'BackgroundTransferGroup')
      throw invalidArgument('transferGroup', 'must be a transfer group, or null')
    }
    if (group !== null && !group.belongsTo(this.engine)) {
      throw invalidArgument('transferGroup', 'belongs to another engine')
    }
    this.#group = group?.name ?? ''
  }

  /**
   * For operations created afterwards: who they are for the origin of their address, when that asks (Basic, Digest). Never sent
   * elsewhere, not before it is asked for, and kept sealed. A header Authorization of yours wins. null by default. Throws
   * INVALID_ARGUMENT.
   */
  get serverCredential(): PasswordCredential | null {
    return this.#serverCredential
  }

  set serverCredential(credential: PasswordCredential | null) {
    const server = credentialOf(credential, 'serverCredential')
    this.#request = changeCredentials(this.engine, this.#request, {server})
    this.#serverCredential = credential
  }

  /**
   * For operations created afterwards: the proxy to ask, as http://, https:// or socks5:// with a host and a port; 'direct' for
   * none; null (default) for what the engine does. NAME:PASSWORD@ in it becomes proxyCredential. Our addition to the
   * namespace. Throws INVALID_ARGUMENT.
   */
  get proxy(): string | null {
    return this.#request.proxy ?? null
  }

  set proxy(address: string | null) {
    const {proxy: _, ...request} = this.#request
    if (address === null) {
      this.#request = request
      return
    }
    if (address === 'direct') {
      this.#request = {...request, proxy: address}
      return
    }
    const {where, credential} = parseProxy(address, 'proxy')
    this.#request = {...request, proxy: where}
    if (credential !== undefined)
      this.proxyCredential = new PasswordCredential(where, credential.userName, credential.password)
  }

  /**
   * For operations created afterwards: the name of what the engine was given as `beforeAttempt`, to be asked before each of their
   * tries, and before each request of an upload by a protocol; in later sessions too. null by default. Our addition to the
   * namespace. A name that the engine does not know is PROVIDER_UNKNOWN at startAsync. Throws INVALID_ARGUMENT.
   */
  get beforeAttempt(): string | null {
    return this.#request.provider ?? null
  }

  set beforeAttempt(name: string | null) {
    if (name !== null && (typeof name !== 'string' || name === '')) {
      throw invalidArgument('beforeAttempt', 'must be the name of a provider, or null')
    }
    const {provider: _, ...request} = this.#request
    this.#request = name === null ? request : {...request, provider: name}
  }

  /** For operations created afterwards: who they are for a proxy that asks. null by default. Throws INVALID_ARGUMENT. */
  get proxyCredential(): PasswordCredential | null {
    return this.#proxyCredential
  }

  set proxyCredential(credential: PasswordCredential | null) {
    const proxy = credentialOf(credential, 'proxyCredential')
    this.#request = changeCredentials(this.engine, this.#request, {proxy})
    this.#proxyCredential = credential
  }

  /**
   * For operations created afterwards: shown when every operation that this object made for one transfer group has succeeded;
   * without a group, for each operation by itself. Create them all before you start one. null by default. Throws
   * INVALID_ARGUMENT.
   */
  get successToastNotification(): ToastNotification | null {
    return this.#notifications.get('successToast')
  }

  set successToastNotification(toast: ToastNotification | null) {
    this.#notifications.setToast('successToast', toast)
  }

  /** The same, when all of them have ended and one at least failed. null by default. Throws INVALID_ARGUMENT. */
  get failureToastNotification(): ToastNotification | null {
    return this.#notifications.get('failureToast')
  }

  set failureToastNotification(toast: ToastNotification | null) {
    this.#notifications.setToast('failureToast', toast)
  }

  /** As successToastNotification, for a tile: told to the engine's `notifier` and `events$`. null by default. Throws INVALID_ARGUMENT. */
  get successTileNotification(): TileNotification | null {
    return this.#notifications.get('successTile')
  }

  set successTileNotification(tile: TileNotification | null) {
    this.#notifications.setTile('successTile', tile)
  }

  /** As failureToastNotification, for a tile. null by default. Throws INVALID_ARGUMENT. */
  get failureTileNotification(): TileNotification | null {
    return this.#notifications.get('failureTile')
  }

  set failureTileNotification(tile: TileNotification | null) {
    this.#notifications.setTile('failureTile', tile)
  }

  /** For operations created afterwards; repeated calls concatenate. Throws INVALID_ARGUMENT (O17, O18). */
  setRequestHeader(name: string, value: string): void {
    const whole = {url: '', method: this.#method, ...this.#request}
    const changed = changeRequestHeaders(this.engine, whole, name, (fields) => withHeader(fields, name, value))
    const {url: _, method: __, ...request} = changed
    this.#request = request
  }

  /** The request that these settings make, without a body. Throws INVALID_ARGUMENT in the name of `uri`. */
  protected requestTo(uri: URL | string): TransferRequest {
    return withAddress(this.engine, {method: this.#method, ...this.#request}, uri, 'uri')
  }

  protected policyWith(own: Omit<TransferPolicy, 'costPolicy' | 'group'>): TransferPolicy {
    return {...own, costPolicy: this.#costPolicy, group: this.#group}
  }

  /** The draft as a member of what its maker has it join. Throws ILLEGAL_STATE. */
  protected join(draft: OperationDraft): OperationDraft {
    return this.#notifications.join(this.engine, this.#memberships.join(draft))
  }

  /** Of drafts that nobody has a handle to. */
  protected leave(drafts: readonly OperationDraft[]): void {
    this.#memberships.leave(drafts)
  }
}
