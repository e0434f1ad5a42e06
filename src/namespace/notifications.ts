/** ToastNotification and TileNotification (Windows.UI.Notifications, as far as spec 6 needs them): what a person is shown. */

import {invalidArgument} from '../domain/errors.ts'
import type {TileNotice, ToastNotice} from '../domain/notice.ts'
import {contentFault, toastOf} from '../domain/notice-content.ts'

abstract class Notification {
  /** The XML that it was made of. */
  readonly content: string
  readonly #mostOfTag: number
  #tag = ''
  #expirationTime: Date | null = null

  protected constructor(content: string, root: 'toast' | 'tile', mostOfTag: number) {
    const fault = contentFault(content, root)
    if (fault !== undefined) throw invalidArgument('content', fault)
    this.content = content
    this.#mostOfTag = mostOfTag
  }

  /** One of the same tag (and group) is replaced where the machine can do that. '' is none, and cannot be set. Throws INVALID_ARGUMENT. */
  get tag(): string {
    return this.#tag
  }

  set tag(tag: string) {
    this.#tag = label('tag', tag, this.#mostOfTag)
  }

  /** After it nobody is to see the notification; null (default) is never. Throws INVALID_ARGUMENT. */
  get expirationTime(): Date | null {
    return this.#expirationTime
  }

  set expirationTime(time: Date | null) {
    if (time !== null && !(time instanceof Date && Number.isFinite(time.getTime()))) {
      throw invalidArgument('expirationTime', 'must be a Date, or null')
    }
    this.#expirationTime = time
  }
}

export class ToastNotification extends Notification {
  #group = ''
  #suppressPopup = false

  /**
   * `content` is toast XML: its first `binding` with texts is what is shown, the first text as its title. At most 5,120
   * characters, and no document type. Throws INVALID_ARGUMENT.
   */
  constructor(content: string) {
    super(content, 'toast', 64)
  }

  /** A toast that says this. Our addition to the namespace. Throws INVALID_ARGUMENT. */
  static ofTexts(title: string, ...lines: string[]): ToastNotification {
    for (const text of [title, ...lines]) {
      if (typeof text !== 'string' || text === '') throw invalidArgument('title', 'and every line must be a text')
    }
    return new ToastNotification(toastOf([title, ...lines]))
  }

  /** Tags are told apart within it; at most 64 characters. '' is none, and cannot be set. Throws INVALID_ARGUMENT. */
  get group(): string {
    return this.#group
  }

  set group(group: string) {
    this.#group = label('group', group, 64)
  }

  /** Nothing pops up: it is kept where people look for what they missed. false by default. Throws INVALID_ARGUMENT. */
  get suppressPopup(): boolean {
    return this.#suppressPopup
  }

  set suppressPopup(suppress: boolean) {
    if (typeof suppress !== 'boolean') throw invalidArgument('suppressPopup', 'must be true or false')
    this.#suppressPopup = suppress
  }
}

export class TileNotification extends Notification {
  /** `content` is tile XML, of at most 5,120 characters, and without a document type. Throws INVALID_ARGUMENT. */
  constructor(content: string) {
    super(content, 'tile', 16)
  }
}

/** As it is now. */
export function toastNotice({content, tag, group, expirationTime, suppressPopup}: ToastNotification): ToastNotice {
  return {
    content,
    ...(tag === '' ? {} : {tag}),
    ...(group === '' ? {} : {group}),
    ...(expirationTime === null ? {} : {expiresAt: expirationTime.getTime()}),
    ...(suppressPopup ? {suppressPopup} : {}),
  }
}

export function tileNotice({content, tag, expirationTime}: TileNotification): TileNotice {
  return {
    content,
    ...(tag === '' ? {} : {tag}),
    ...(expirationTime === null ? {} : {expiresAt: expirationTime.getTime()}),
  }
}

function label(name: string, text: string, most: number): string {
  if (typeof text !== 'string' || text === '' || text.length > most) {
    throw invalidArgument(name, `must be a text of 1 to ${most} characters`)
  }
  return text
}
