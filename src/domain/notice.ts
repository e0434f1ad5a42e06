/**
 * What is told to a person when a batch of operations has ended (spec 11.5): toasts and tiles as an uploader or downloader was
 * given them, and which of them its counts call for.
 * Persisted: fields are only added, and every added field is optional.
 */

import type {TallyId} from './operation-id.ts'

/** A toast as it was when an operation was created for it. */
export interface ToastNotice {
  /** XML with the root `toast`. */
  readonly content: string
  /** Replaces an earlier one of the same tag and group. */
  readonly tag?: string
  readonly group?: string
  /** Epoch ms after which nobody is to see it. */
  readonly expiresAt?: number
  /** Nothing pops up: it is only kept for whoever looks. */
  readonly suppressPopup?: true
}

/** A tile update as it was when an operation was created for it. */
export interface TileNotice {
  /** XML with the root `tile`. */
  readonly content: string
  readonly tag?: string
  /** Epoch ms after which nobody is to see it. */
  readonly expiresAt?: number
}

/** What a batch tells, one way or the other. */
export interface BatchNotices {
  readonly successToast?: ToastNotice
  readonly failureToast?: ToastNotice
  readonly successTile?: TileNotice
  readonly failureTile?: TileNotice
}

/** The batch that an operation belongs to, for good. */
export interface NotificationBatch {
  readonly id: TallyId
  readonly notices: BatchNotices
}

/** How many of a batch ended, and how. */
export interface BatchEnds {
  readonly completed: number
  readonly failed: number
  readonly canceled: number
}

export type NoticeOutcome = 'success' | 'failure'

/** What is told of a batch: a toast, a tile update, or both. */
export interface Notice extends BatchEnds {
  readonly batch: TallyId
  /** The transfer group; '' for an operation of its own. */
  readonly group: string
  readonly outcome: NoticeOutcome
  readonly toast?: ToastNotice
  readonly tile?: TileNotice
  /** The application that a host does it for. */
  readonly app?: string
}

/** A batch, as the store counts it. */
export interface CountedBatch extends BatchEnds {
  readonly id: TallyId
  readonly notices?: BatchNotices
  readonly group?: string
  readonly app?: string
}

/** What a batch owes by its counts; undefined when there is nothing to show. */
export function noticeOf({id, notices = {}, group = '', app, ...ends}: CountedBatch): Notice | undefined {
  const outcome = outcomeOf(ends)
  if (outcome === undefined) return undefined
  const isSuccess = outcome === 'success'
  const toast = isSuccess ? notices.successToast : notices.failureToast
  const tile = isSuccess ? notices.successTile : notices.failureTile
  if (toast === undefined && tile === undefined) return undefined
  return {
    batch: id,
    group,
    outcome,
    ...endsOf(ends),
    ...(toast === undefined ? {} : {toast}),
    ...(tile === undefined ? {} : {tile}),
    ...(app === undefined ? {} : {app}),
  }
}

export function endsOf({completed, failed, canceled}: BatchEnds): BatchEnds {
  return {completed, failed, canceled}
}

/**
 * One failure makes it a failure. What was canceled by its own application is nothing to tell that application's user of, but
 * then not everything succeeded either (O29).
 */
function outcomeOf({completed, failed, canceled}: BatchEnds): NoticeOutcome | undefined {
  if (failed > 0) return 'failure'
  return canceled === 0 && completed > 0 ? 'success' : undefined
}
