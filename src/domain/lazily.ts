/** What is made when it is first asked for, and kept: a short run makes no more than it needs. */

export function lazily<T extends object | string>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}
