/**
 * What one download may ask, and its names: for whoever creates it, and for the thread of a task, which loads nothing else of that.
 */

import type {ExpectedContent} from '../domain/content-guard.ts'
import type {Known} from '../domain/given.ts'
import type {BackgroundTransferPriority} from '../domain/priority.ts'
import type {Checksum, CollisionPolicy} from '../domain/record.ts'
import {OPERATION_LIMITS} from '../engine/known-limits.ts'

/** What one download may ask beside the downloader's settings; our own additions to the namespace. */
export interface DownloadOptions {
  /** What to do when the destination exists; 'failIfExists' by default. */
  readonly collision?: CollisionPolicy
  /**
   * Take the file's name from the server, made safe, in the directory of `resultFile`: that in Content-Disposition (RFC 6266),
   * else that of the address to which it redirects, else that of the download's own. False by default; true where `resultFile`
   * ends in a slash.
   */
  readonly nameFromServer?: boolean
  /** The expected digest; a file that differs is never published. */
  readonly checksum?: Checksum
  /** What the content has to be: media type, size, first bytes. Else the download ends with CONTENT_UNEXPECTED. */
  readonly expect?: ExpectedContent
  /** Do not compare digests that the server gives (Repr-Digest, Content-Digest, Digest). False by default. */
  readonly ignoreServerDigest?: boolean
  /** Retries without progress between them; the engine's by default. */
  readonly retries?: number
  /** Base of the backoff in ms; the engine's by default. */
  readonly retryDelayMs?: number
  /** ms; the engine's by default. */
  readonly connectTimeoutMs?: number
  /** ms; the engine's by default. */
  readonly responseTimeoutMs?: number
  /** ms; the engine's by default. */
  readonly stallTimeoutMs?: number
  readonly priority?: BackgroundTransferPriority
  /** Bytes per second of this download alone; no limit by default. */
  readonly maxBytesPerSecond?: number
  /**
   * Go on where the server names no version that can be trusted, or a new ETag with every answer: the last 64 KiB are asked
   * for again, and used only if they are equal. Only a checksum proves the rest. False by default: such a download starts over.
   */
  readonly resumeWithoutValidator?: boolean
  /** Ask for the last KiB again at each resume, under a validator too, and start over if it differs. False by default. */
  readonly compareOnResume?: boolean
  /**
   * Connections for this file at once, at most, as far as more of them are faster; the downloader's by default. 1 to 1,000.
   */
  readonly connections?: number
  /**
   * Other addresses of the same file, http or https: parts come from them, too, where `connections` allows several, and one goes on
   * where another one fails. Bytes of two addresses are joined only where they name the same version by a strong ETag or a digest,
   * or where a digest is known that the finished file is compared with. None by default; 100 at most.
   */
  readonly mirrors?: readonly (URL | string)[]
}

export const DOWNLOAD_OPTIONS: Known<DownloadOptions> = {
  ...OPERATION_LIMITS,
  collision: true,
  nameFromServer: true,
  priority: true,
  mirrors: true,
}
