/** The digest that a caller expects of a file: what its object may have. */

import type {Known} from './given.ts'
import type {Checksum} from './record.ts'

export const CHECKSUM: Known<Checksum> = {algorithm: true, hex: true}
