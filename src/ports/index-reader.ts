/** IndexReader: what a document says that lists addresses to fetch ahead of need (spec 2.9). */

export type IndexReading =
  /** The texts of its entries, trimmed, in their order. They may be anything. */
  | {readonly kind: 'read'; readonly listed: readonly string[]}
  /** For people: why nothing of it counts. */
  | {readonly kind: 'ignored'; readonly reason: string}

export interface IndexReader {
  /** Never rejects: whatever the bytes are, they are read or ignored. */
  read(bytes: Uint8Array): Promise<IndexReading>
}
