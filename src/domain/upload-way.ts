/**
 * How a resumable upload is to be sent, and what is known of it at the server. Persisted with the record: fields are only added, and
 * every added field is optional.
 */

/** How an upload is to be sent. */
export interface UploadWay {
  /** Name of the protocol. */
  readonly protocol: string
  /** Told to the server beside the bytes, where the protocol can. */
  readonly metadata?: Readonly<Record<string, string>>
  /** The most bytes of one request; the protocol's own choice where it is absent. */
  readonly partBytes?: number
}

/** What is known of the upload at the server. */
export interface ResumableFacts {
  /** Its own address there; absent before it is created, and where a protocol has none. */
  readonly url?: string
  /** Epoch ms; the server forgets it then. */
  readonly expiresAt?: number
  /** The protocol's own notes. */
  readonly own?: {readonly [name: string]: Json}
}

export type Json = string | number | boolean | null | readonly Json[] | {readonly [name: string]: Json}
