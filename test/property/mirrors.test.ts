/** Which address is asked next: none that was given up, each once before a wait, and an end when none is left. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {TransferError} from '../../src/domain/errors.ts'
import {elsewhere, liveSources, withDropped, withSource} from '../../src/domain/mirrors.ts'
import type {OperationFacts} from '../../src/domain/record.ts'
import {countFailure, DEFAULT_RETRY, decideRetry} from '../../src/domain/retry.ts'
import {queuedRecord} from '../support/records.ts'

const URLS = ['http://a.example/x', 'http://b.example/x', 'http://c.example/x', 'http://d.example/x']

/** What a server answers now; the last one stays. */
const answers = fc.array(fc.constantFrom(404, 503, 500, 410), {minLength: 1, maxLength: 6})

describe('several addresses of one file', () => {
  it('come to an end within the budget, whatever they answer, and none is asked again once it was given up', () => {
    fc.assert(
      fc.property(fc.array(answers, {minLength: 1, maxLength: 4}), (servers) => {
        const record = queuedRecord(1, {url: URLS[0] ?? ''})
        const mirrors = URLS.slice(1, servers.length)
        let facts: OperationFacts = {...record, request: {...record.request, ...(mirrors.length > 0 ? {mirrors} : {})}}
        const asked = servers.map(() => 0)
        for (let requests = 1; ; requests++) {
          expect(requests).toBeLessThanOrEqual(DEFAULT_RETRY.retries + 1 + servers.length)
          const source = facts.source ?? 0
          expect(liveSources(facts)).toContain(source)
          const script = servers[source] ?? []
          const status = script[Math.min(asked[source] ?? 0, script.length - 1)] ?? 404
          asked[source] = (asked[source] ?? 0) + 1
          facts = {...facts, attempts: {...countFailure(facts.attempts), total: requests}}
          const error = new TransferError('HTTP_STATUS', `${status}`, {
            details: {status},
            ...(status >= 500 ? {retry: 'backoff' as const} : {}),
          }).toSerialized()
          const own = decideRetry({
            error,
            counts: facts.attempts,
            settings: DEFAULT_RETRY,
            recoverable: [],
            now: 0,
            random: 0.5,
          })
          const decision = elsewhere(own, facts, error, DEFAULT_RETRY.maxAttempts)
          if (decision.kind === 'end') {
            expect(liveSources(facts)).toEqual([source])
            return
          }
          if (decision.kind === 'waitUntil' && decision.source === undefined) continue
          if (decision.kind !== 'elsewhere' && decision.kind !== 'waitUntil') throw new Error(decision.kind)
          // Each is asked once before the first wait, but for those that were given up.
          if (decision.kind === 'waitUntil')
            expect(Math.min(...liveSources(facts).map((each) => asked[each] ?? 0))).toBeGreaterThan(0)
          facts = {...facts, source: decision.source ?? source}
          if (decision.kind === 'elsewhere' && decision.dropped !== undefined)
            facts = withDropped(facts, decision.dropped)
        }
      }),
    )
  })

  it('are begun with anew when none is left, each once at most, and only those whose file is not known to be another', () => {
    const dropped = fc.option(fc.record({reason: fc.constant('why'), unproven: fc.constant(true as const)}))
    fc.assert(
      fc.property(fc.array(dropped, {minLength: 4, maxLength: 4}), fc.nat({max: 3}), (states, first) => {
        const record = queuedRecord(1, {url: URLS[0] ?? ''})
        let facts: OperationFacts = {
          ...record,
          request: {...record.request, mirrors: URLS.slice(1)},
          source: first,
          // Whoever is not unproven was given up for a reason of its own.
          dropped: states.flatMap((state, source) => (source === first ? [] : [{source, reason: 'gone', ...state}])),
        }
        const unproven = states.flatMap((state, source) => (state === null || source === first ? [] : [source]))
        const begun: number[] = []
        for (;;) {
          const error = new TransferError('HTTP_STATUS', '404', {details: {status: 404}}).toSerialized()
          const decision = elsewhere({kind: 'end', error}, facts, error, DEFAULT_RETRY.maxAttempts)
          if (decision.kind === 'end') break
          if (decision.kind !== 'anewElsewhere') throw new Error(decision.kind)
          begun.push(decision.source)
          facts = withSource(facts, decision.source)
          if (decision.dropped !== undefined) facts = withDropped(facts, decision.dropped)
          expect(liveSources(facts)).toEqual([decision.source])
        }
        expect(begun).toEqual(unproven)
      }),
    )
  })
})
