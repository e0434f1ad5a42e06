/** OriginMemory: what is known of the origin of an address, shared by all operations of an engine. */

import type {OriginFacts, OriginLesson} from '../domain/origin-memory.ts'

export interface OriginMemory {
  /** Of the origin of this absolute URL; UNKNOWN_ORIGIN when nothing is known. */
  recall(url: string): OriginFacts
  learn(url: string, lesson: OriginLesson): void
}
