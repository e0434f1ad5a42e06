/** A stream that somebody may give up. */

/** Ends with the signal's reason, also while a chunk is being waited for. */
export async function* abortable<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void> {
  if (signal === undefined) {
    yield* source
    return
  }
  const iterator = source[Symbol.asyncIterator]()
  // One promise a chunk: a race against one that lasts would keep every chunk it ever lost to.
  let giveUp: (reason: unknown) => void = () => undefined
  const abort = () => giveUp(signal.reason)
  signal.addEventListener('abort', abort, {once: true})
  try {
    for (;;) {
      signal.throwIfAborted()
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        giveUp = reject
        iterator.next().then(resolve, reject)
      })
      if (next.done === true) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', abort)
    // Not waited for: a source that is in the middle of something may never answer.
    iterator.return?.()?.then(undefined, () => undefined)
  }
}
