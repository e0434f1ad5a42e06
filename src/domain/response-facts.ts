/** A response's head, as the record keeps it. Persisted: fields are only added, and every added field is optional. */

import type {HeaderField} from './header-fields.ts'

/** A response's head as the application may see it. */
export interface ResponseFacts {
  readonly status: number
  readonly url: string
  /** Raw spelling and order. */
  readonly headers: readonly HeaderField[]
}
