/**
 * The options of a download as a message carries them to the engine: it takes members of their own only, and makes nothing of an address
 * that is no text. Whether they are right is for the engine to say, so what cannot be is told as it is.
 */

import {CHECKSUM} from '../domain/checksum.ts'
import {EXPECTED_CONTENT} from '../domain/content-guard.ts'
import {type Known, ownOf} from '../domain/given.ts'
import {DOWNLOAD_OPTIONS, type DownloadOptions} from '../namespace/download-options.ts'

export function toldOptions(options: DownloadOptions): Readonly<Record<string, unknown>> {
  const {checksum, expect, mirrors, ...others} = plain(options, DOWNLOAD_OPTIONS)
  return {
    ...others,
    ...(checksum === undefined ? {} : {checksum: plain(checksum, CHECKSUM)}),
    ...(expect === undefined ? {} : {expect: plain(expect, EXPECTED_CONTENT)}),
    ...(mirrors === undefined ? {} : {mirrors: Array.isArray(mirrors) ? mirrors.map(addressOf) : mirrors}),
  }
}

/** With what it inherits, and with what nobody knows. */
function plain<Options extends object>(options: Options, known: Known<NoInfer<Options>>): Options {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return options
  return {...options, ...ownOf(options, known)}
}

function addressOf(mirror: unknown): unknown {
  return mirror instanceof URL ? mirror.href : mirror
}
