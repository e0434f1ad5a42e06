/** What is given as a list; none for what is no list, which whoever asks for one at least refuses in its own words. */
export function listOf<T>(given: Iterable<T>): readonly T[] {
  return typeof given?.[Symbol.iterator] === 'function' ? [...given] : []
}
