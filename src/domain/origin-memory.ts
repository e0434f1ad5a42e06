/**
 * What an origin taught about its ranges and its connections, so that the next operation need not learn it anew. The facts
 * only choose how to ask; whether an answer may be used is judged from the answer alone, whatever is remembered.
 */

export interface OriginFacts {
  /** refused: If-Range is answered with the whole, although the version is the same. */
  readonly ifRange: 'unknown' | 'refused'
  /** unreliable: its parts contradicted the question or themselves again and again, and nothing but the whole is asked for. */
  readonly ranges: 'unknown' | 'honoured' | 'ignored' | 'unreliable'
  /** Parts in a row that contradicted the question or themselves. */
  readonly contradictions: number
  /** unsteady: answers of the same size and age had different ETags, as those of a cluster may. */
  readonly etags: 'unknown' | 'unsteady'
  /** Connections to it at once beyond which more were refused or did not pay; undefined while unknown. */
  readonly usefulConnections?: number
}

export type OriginLesson =
  /** A part was answered as asked. */
  | {readonly kind: 'rangeHonoured'}
  /** Range without a condition was answered with the whole. */
  | {readonly kind: 'rangeIgnored'}
  /** If-Range was answered with the whole of the version that it named. */
  | {readonly kind: 'ifRangeRefused'}
  | {readonly kind: 'rangeContradicted'}
  | {readonly kind: 'etagsDiffer'}
  /** Beyond `useful` connections at once, more were refused or did not pay. */
  | {readonly kind: 'connectionsLimited'; readonly useful: number}

/** Contradictions in a row after which an origin is asked for the whole at once: a resume would start over anyway. */
const MOST_CONTRADICTIONS = 3

export const UNKNOWN_ORIGIN: OriginFacts = {ifRange: 'unknown', ranges: 'unknown', contradictions: 0, etags: 'unknown'}

export function learned(facts: OriginFacts, lesson: OriginLesson): OriginFacts {
  switch (lesson.kind) {
    case 'rangeHonoured':
      return {...facts, ranges: 'honoured', contradictions: 0}
    case 'rangeIgnored':
      // Then it was not the condition that was refused.
      return {...facts, ranges: 'ignored', ifRange: 'unknown'}
    case 'ifRangeRefused':
      return {...facts, ifRange: 'refused'}
    case 'rangeContradicted': {
      const contradictions = facts.contradictions + 1
      return {...facts, contradictions, ...(contradictions >= MOST_CONTRADICTIONS ? {ranges: 'unreliable'} : {})}
    }
    case 'etagsDiffer':
      return {...facts, etags: 'unsteady'}
    case 'connectionsLimited':
      return {...facts, usefulConnections: Math.max(1, Math.trunc(lesson.useful))}
  }
}
