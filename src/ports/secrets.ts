/** Secrets: seals what must not stand in the store in clear (secret headers, credentials), and proves that one is known. */

import type {DigestAlgorithm} from '../domain/digest-authorization.ts'

export interface Secrets {
  /** Encrypts `plain`; two calls give different texts. */
  seal(plain: string): string
  /** Throws INVALID_ARGUMENT when the text was sealed with another key or was changed. */
  unseal(sealed: string): string
  /** The digest of a text in UTF-8, as lower-case hexadecimal: what is shown to a server instead of the secret itself. */
  digest(algorithm: DigestAlgorithm, text: string): string
}
