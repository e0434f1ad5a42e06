/** ByteSource: bytes of a result, read by position, some of which may still have to come. */

export interface ByteSource {
  /** Size of the whole; undefined while unknown. */
  readonly size: number | undefined
  /**
   * Fills `into` from `position` with at least one byte, up to the first that is not there. Waits while that is the first;
   * resolves with how many bytes, 0 at the end of what is whole. Rejects with what ended the transfer before those bytes came,
   * with DOWNLOAD_RESTARTED when it began again since this source last gave bytes (once: the next read is of the new version),
   * and with the signal's reason.
   */
  read(into: Uint8Array, position: number, signal?: AbortSignal): Promise<number>
  /** Idempotent. */
  close(): void
}
