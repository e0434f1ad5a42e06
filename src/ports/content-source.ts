/**
 * ContentSource: the bytes that a request carries, from memory, from the caller's files and from the spool. Files are read when
 * they are sent, a piece ahead and never whole.
 */

import type {ContentFacts, RequestContent} from '../domain/request-content.ts'
import type {RequestBody} from './transport.ts'

export interface ContentSource {
  /**
   * Looks at every piece and says how long the whole is. With `known` each file must be as it was then. `app` is the application
   * that a host reads them for. Rejects with SOURCE_MISSING, SOURCE_CHANGED, FILE_ACCESS, DISK_FAILED.
   */
  inspect(content: RequestContent, known?: ContentFacts, app?: string): Promise<ContentFacts>
  /**
   * The bytes `[from, to)`, all of them by default. Whoever reads them gets SOURCE_CHANGED in place of the last ones when a
   * file is not as `facts` says, or changes while it is read.
   */
  body(content: RequestContent, facts: ContentFacts, from?: number, to?: number): RequestBody
  /** SHA-1 of the same bytes, in base64. Rejects like the reading of them, and with the signal's reason. */
  sha1(content: RequestContent, facts: ContentFacts, from: number, to: number, signal: AbortSignal): Promise<string>
}
