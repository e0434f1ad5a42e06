/**
 * What a request carries: pieces of text and files, one after another, and how the files looked when they were first read.
 * Persisted with the record: fields are only added, and every added field is optional.
 */

export type ContentPiece =
  /** Sent as UTF-8. */
  | {readonly kind: 'text'; readonly text: string}
  /** Absolute path of a file of the caller's; read when it is sent. */
  | {readonly kind: 'file'; readonly file: string}
  /** A private copy of ours, by its name in the spool. */
  | {readonly kind: 'spool'; readonly name: string; readonly size: number}

export interface RequestContent {
  readonly pieces: readonly ContentPiece[]
}

/** Tells one state of a file from another without reading all of it. */
export interface FileFingerprint {
  readonly device: number
  readonly inode: number
  readonly size: number
  /** Epoch ms, as finely as the file system tells. */
  readonly modifiedMs: number
  /** Digest of the first bytes, and of the last. */
  readonly head: string
  readonly tail: string
}

/** What was found when the content was first looked at. */
export interface ContentFacts {
  /** Bytes of the whole. */
  readonly length: number
  /** One for each piece that is a file of the caller's, in order. */
  readonly files: readonly FileFingerprint[]
}

/** The file that is the whole content; undefined for a form, or for what came as a stream. */
export function soleFileOf(content: RequestContent | undefined): string | undefined {
  const [first] = content?.pieces ?? []
  return content?.pieces.length === 1 && first?.kind === 'file' ? first.file : undefined
}

/** Some of it is a private copy of ours. */
export function isSpooled(content: RequestContent | undefined): boolean {
  return content?.pieces.some(({kind}) => kind === 'spool') === true
}
