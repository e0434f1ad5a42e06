/** Secrets: seals what must not stand in the store in clear (secret headers, credentials). */

export interface Secrets {
  /** Encrypts `plain`; two calls give different texts. */
  seal(plain: string): string
  /** Throws INVALID_ARGUMENT when the text was sealed with another key or was changed. */
  unseal(sealed: string): string
}
