/** BackgroundTransferContentPart (spec 2.4): one part of a multipart upload, with text or a file. */

import {resolve} from 'node:path'
import {invalidArgument, TransferError} from '../domain/errors.ts'
import {formDisposition, type MultipartPart} from '../domain/multipart.ts'
import type {ContentPiece} from '../domain/request-content.ts'
import {assertPath} from './given-path.ts'

const DISPOSITION = 'Content-Disposition'

export class BackgroundTransferContentPart {
  readonly #headers = new Map<string, readonly [name: string, value: string]>()
  #payload: ContentPiece | undefined

  /**
   * A name makes it a form field, with `fileName` a file of a form; without a name give it a disposition by setHeader. Both go
   * out as they are, quotation marks and line breaks escaped. Throws INVALID_ARGUMENT for what is no text.
   */
  constructor(name?: string, fileName?: string) {
    if (name === undefined) return
    if (typeof name !== 'string') throw invalidArgument('name', 'must be text')
    if (fileName !== undefined && typeof fileName !== 'string') throw invalidArgument('fileName', 'must be text')
    this.#headers.set(DISPOSITION.toLowerCase(), [DISPOSITION, formDisposition(name, fileName)])
  }

  /** The constructor with a name, as IBackgroundTransferContentPartFactory has it. Throws INVALID_ARGUMENT. */
  static createWithName(name: string): BackgroundTransferContentPart {
    return new BackgroundTransferContentPart(requiredText('name', name))
  }

  /** The constructor with both. Throws INVALID_ARGUMENT. */
  static createWithNameAndFileName(name: string, fileName: string): BackgroundTransferContentPart {
    return new BackgroundTransferContentPart(requiredText('name', name), requiredText('fileName', fileName))
  }

  /** The part carries the file's bytes, read when they are sent. Throws INVALID_ARGUMENT, and ILLEGAL_STATE after setText. */
  setFile(file: string): void {
    assertPath('file', file)
    this.#set({kind: 'file', file: resolve(file)})
  }

  /** The part carries the text, as UTF-8; empty is allowed. Throws INVALID_ARGUMENT, and ILLEGAL_STATE after setFile. */
  setText(value: string): void {
    if (typeof value !== 'string') throw invalidArgument('value', 'must be text')
    this.#set({kind: 'text', text: value})
  }

  /** Sets or replaces a header of this part; Content-Disposition replaces the one of the name. Throws INVALID_ARGUMENT. */
  setHeader(headerName: string, headerValue: string): void {
    if (typeof headerName !== 'string' || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(headerName)) {
      throw invalidArgument('headerName', 'must be a header name')
    }
    if (typeof headerValue !== 'string' || /[\r\n\0]/.test(headerValue)) {
      throw invalidArgument('headerValue', 'must be text without line breaks')
    }
    this.#headers.set(headerName.toLowerCase(), [headerName, headerValue])
  }

  /** As it is now: later changes have no effect. Throws INVALID_ARGUMENT for a part that carries nothing. */
  static snapshot(part: BackgroundTransferContentPart): MultipartPart {
    if (part.#payload === undefined) throw invalidArgument('parts', 'must each have text or a file')
    return {headers: [...part.#headers.values()], payload: part.#payload}
  }

  #set(payload: ContentPiece): void {
    if (this.#payload !== undefined && this.#payload.kind !== payload.kind) {
      throw new TransferError('ILLEGAL_STATE', 'a part carries text or a file, never both')
    }
    this.#payload = payload
  }
}

function requiredText(name: string, value: unknown): string {
  if (typeof value !== 'string') throw invalidArgument(name, 'must be text')
  return value
}
