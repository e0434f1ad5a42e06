/** Random: the one source of chance, so that a seed decides a whole run. */

export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** A fresh version-4 GUID, lower case. */
  guid(): string
}
