/** The prefetcher's chart over any order of events, and the index over any document. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {createActor, fromPromise} from 'xstate'
import {type PrefetchEvent, prefetchMachine, type RecordRunInput} from '../../machines/prefetch.machine.ts'
import {readIndex} from '../../src/adapters/xml/read-index.ts'
import {type Conditions, GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import {indexFault} from '../../src/domain/index-answer.ts'
import {
  afterRun,
  isEmptyWish,
  MOST_PREFETCHED,
  type PrefetchOutcome,
  type PrefetchRecord,
  type PrefetchSettings,
  planOf,
  prefetchObstacle,
} from '../../src/domain/prefetch.ts'
import {SimulatedClock} from '../support/simulated-clock.ts'

const SETTINGS: PrefetchSettings = {intervalMs: 60_000, retryDelayMs: 10_000, idleMs: 1_000, fetchTimeoutMs: 5_000}
const NOW = Date.UTC(2026, 0, 1)

const address = fc.integer({min: 1, max: 50}).map((n) => `http://files.example/${n}`)
const wishes = fc.record(
  {uris: fc.array(address, {maxLength: 50}), indirect: fc.constant('http://files.example/index')},
  {requiredKeys: ['uris']},
)
const conditions: fc.Arbitrary<Conditions> = fc.record({
  connectivity: fc.constantFrom('none', 'internet', 'internet', 'internet'),
  cost: fc.record({
    type: fc.constantFrom('unknown', 'unrestricted', 'fixed'),
    roaming: fc.boolean(),
    approachingDataLimit: fc.constant(false),
    overDataLimit: fc.constant(false),
  }),
  batterySaver: fc.constant(false),
  onBattery: fc.boolean(),
  foreground: fc.constant(true),
})
const outcomes: fc.Arbitrary<PrefetchOutcome> = fc.oneof(
  fc.constant({kind: 'stored', bytes: 10} as const),
  fc.constant({kind: 'validated'} as const),
  fc.constant({kind: 'fresh'} as const),
  fc.constant({kind: 'refused', reason: 'it may not be kept'} as const),
  fc.constant({kind: 'failed', reason: 'the connection was reset', retryAfterMs: 7_000} as const),
)

type Step =
  | {readonly do: 'send'; readonly event: PrefetchEvent}
  | {readonly do: 'pass'; readonly ms: number}
  | {readonly do: 'end'; readonly outcome: PrefetchOutcome | 'error'; readonly listed: readonly string[]}

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc
    .oneof<fc.Arbitrary<PrefetchEvent>[]>(
      wishes.map((wish) => ({type: 'wish.changed', wish})),
      conditions.map((each) => ({type: 'conditions.changed', conditions: each})),
      fc.constant<PrefetchEvent>({type: 'conditions.changed', conditions: GOOD_CONDITIONS}),
      fc.integer({min: 0, max: 2}).map((running) => ({type: 'load.changed', running})),
      fc.constant<PrefetchEvent>({type: 'prefetch.demand'}),
    )
    .map((event): Step => ({do: 'send', event})),
  fc.integer({min: 1, max: 80_000}).map((ms): Step => ({do: 'pass', ms})),
  fc.record({
    do: fc.constant('end' as const),
    outcome: fc.oneof(outcomes, fc.constant('error' as const)),
    listed: fc.array(address, {maxLength: 50}),
  }),
)

/** The chart with its actors at hand: each ends when a step says so, and the record is durable a moment after it is written. */
class Stand {
  readonly clock = new SimulatedClock(NOW)
  /** Addresses that are being fetched; never more than one. */
  readonly open = new Set<string>()
  readonly fetched: string[][] = []
  durable: PrefetchRecord
  #settle: ((step: Step & {do: 'end'}) => void) | undefined
  readonly actor

  constructor(record: PrefetchRecord) {
    this.durable = record
    const machine = prefetchMachine().provide({
      actors: {
        fetchIndex: fromPromise<readonly string[], {url: string}>(({input, signal}) =>
          this.#open(input.url, signal, ({outcome, listed}) => {
            if (outcome === 'error') throw new Error('it cannot be had')
            return listed
          }),
        ),
        fetchResource: fromPromise<PrefetchOutcome, {url: string}>(({input, signal}) => {
          this.fetched.at(-1)?.push(input.url)
          return this.#open(input.url, signal, ({outcome}) => {
            if (outcome === 'error') throw new Error('a fault')
            return outcome
          })
        }),
        recordRun: fromPromise<PrefetchRecord, RecordRunInput>(async ({input}) => {
          const {record: present} = this.context
          this.durable = afterRun(present, input.ranFor, input.counts, SETTINGS, this.clock.now(), 0.5)
          return this.durable
        }),
      },
      actions: {tellStart: () => void this.fetched.push([])},
    })
    this.actor = createActor(machine, {
      input: {record, conditions: GOOD_CONDITIONS, running: 0, settings: SETTINGS},
      clock: this.clock,
    })
    this.actor.start()
  }

  get context() {
    return this.actor.getSnapshot().context
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'send') this.actor.send(step.event)
    else if (step.do === 'pass') this.clock.advanceBy(step.ms)
    else this.#settle?.(step)
    await new Promise<void>((resolve) => setImmediate(resolve))
    const {record} = this.context
    const waits = this.actor.getSnapshot().matches('scheduled') || this.actor.getSnapshot().matches('backingOff')
    // The engine's alarm.
    if (waits && (record.dueAt ?? 0) <= this.clock.now()) this.actor.send({type: 'prefetch.due'})
  }

  #open<T>(url: string, signal: AbortSignal, end: (step: Step & {do: 'end'}) => T): Promise<T> {
    this.open.add(url)
    return new Promise((resolve, reject) => {
      const done = (step?: Step & {do: 'end'}) => {
        this.open.delete(url)
        this.#settle = undefined
        try {
          if (step === undefined) reject(new Error('it was given up'))
          else resolve(end(step))
        } catch (thrown) {
          reject(thrown)
        }
      }
      this.#settle = done
      signal.addEventListener('abort', () => done(), {once: true})
    })
  }
}

describe('the chart', () => {
  it('never fetches what is in the way of, nor two at once, nor more than 40, and comes to rest', async () => {
    await fc.assert(
      fc.asyncProperty(wishes, fc.array(steps, {maxLength: 40}), async (wish, course) => {
        const stand = new Stand({wish})
        for (const step of course) {
          await stand.take(step)
          const snapshot = stand.actor.getSnapshot()
          const {record, isDemanded, running, left, ranFor} = snapshot.context
          const obstacle = prefetchObstacle(record.wish, snapshot.context.conditions, running)
          const isFetching = snapshot.matches({running: 'fetching'}) || snapshot.matches({running: 'indexing'})
          expect(stand.open.size).toBe(isFetching ? 1 : 0)
          if (isFetching && !isDemanded) expect(obstacle).toBeUndefined()
          if (snapshot.matches('hindered')) expect(snapshot.matches({hindered: obstacle ?? 'none'} as never)).toBe(true)
          if (snapshot.matches('idle')) expect(isEmptyWish(record.wish)).toBe(true)
          expect(left.length).toBeLessThanOrEqual(MOST_PREFETCHED)
          for (const run of stand.fetched) {
            expect(run.length).toBeLessThanOrEqual(MOST_PREFETCHED)
            expect(new Set(run).size).toBe(run.length)
          }
          if (isFetching && ranFor.indirect === undefined) {
            const run = stand.fetched.at(-1) ?? []
            expect(run).toEqual(planOf(ranFor).slice(0, run.length))
          }
        }
        // Whatever happened, good conditions bring every wish to its run.
        await stand.take({do: 'send', event: {type: 'load.changed', running: 0}})
        await stand.take({do: 'send', event: {type: 'conditions.changed', conditions: GOOD_CONDITIONS}})
        const fulfil: Step = {do: 'end', outcome: {kind: 'fresh'}, listed: []}
        for (let turn = 0; turn < 200 && !stand.actor.getSnapshot().matches('scheduled'); turn += 1) {
          if (stand.actor.getSnapshot().matches('idle')) break
          const ms = stand.actor.getSnapshot().matches('settling') ? SETTINGS.idleMs : 90_000_000
          await stand.take(stand.open.size > 0 ? fulfil : {do: 'pass', ms})
        }
        const {record} = stand.context
        const snapshot = stand.actor.getSnapshot()
        expect(snapshot.matches('scheduled') || snapshot.matches('idle')).toBe(true)
        if (snapshot.matches('scheduled'))
          expect(planOf(record.ranFor ?? {uris: []})).toEqual(expect.arrayContaining([...planOf(record.wish)]))
        stand.actor.send({type: 'engine.draining'})
        expect(stand.open.size).toBe(0)
        expect(stand.actor.getSnapshot().status).toBe('done')
        expect(stand.clock.pending).toBe(0)
      }),
      {numRuns: 40},
    )
  })
})

describe('the head of the index', () => {
  const faultOf = (type: string) =>
    indexFault({status: 200, url: 'http://a.example/', headers: [['Content-Type', type]]})

  it.each([
    ['text/xml', undefined],
    ['Application/XML ; a=b; charset=utf-8 ', undefined],
    ['text/xml;charset="UTF-16"', undefined],
    ['text/xml; charset=latin1', 'the index is in latin1, and not in UTF-8'],
    ['text/html', 'the index must be application/xml, not text/html'],
  ])('says what it is: %s', (type, fault) => expect(faultOf(type)).toBe(fault))

  it('is read once, however much space is in it', () => {
    const charset = `${' '.repeat(200_000)}x`
    expect(faultOf(`text/xml; charset=${charset}"y`)).toBeUndefined()
    expect(faultOf(`text/xml; charset="${charset}"`)).toBe(`the index is in ${charset}, and not in UTF-8`)
  })
})

describe('the index', () => {
  const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

  const piece = fc.constantFrom('a', '&', '<', '>', '"', "'", '/', '?', 'é', '𝄞', '%20', ']]>')
  const uri = fc.array(piece, {maxLength: 10}).map((pieces) => `http://files.example/${pieces.join('')}`)

  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(uri, {maxLength: 40}), fc.boolean(), (uris, isSchema) => {
        const root = isSchema ? 'PrefetchUris' : 'prefetchUris'
        const body = uris.map((uri) => `\n\t<uri> ${escaped(uri)}\r\n</uri>`).join('')
        const text = `<?xml version="1.0"?><!-- ours --><${root}>${body}<other><uri>http://no.example/</uri></other></${root}>`
        expect(readIndex(Buffer.from(text))).toEqual({kind: 'read', listed: uris})
        expect(readIndex(Buffer.from(`\ufeff${text}`, 'utf16le'))).toEqual({kind: 'read', listed: uris})
      }),
      {numRuns: 30},
    )
  })

  it('of any bytes is read or ignored, and never throws', () => {
    const scrap = fc.constantFrom(
      '<prefetchUris>',
      '</prefetchUris>',
      '<uri>',
      '</uri>',
      '&amp;',
      '&',
      ']]>',
      '<![CDATA[',
      '<?x ?>',
      '<!--',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(scrap, fc.string()), {maxLength: 20}), (parts) => {
        expect(['read', 'ignored']).toContain(readIndex(Buffer.from(parts.join(''))).kind)
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 200}), (bytes) => {
        expect(['read', 'ignored']).toContain(readIndex(bytes).kind)
      }),
    )
  })

  it.each([
    [
      'entities that grow',
      `<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><prefetchUris><uri>&b;</uri></prefetchUris>`,
      'document type',
    ],
    ['an outside entity', `<!DOCTYPE p SYSTEM "file:///etc/passwd"><prefetchUris/>`, 'document type'],
    ['an unknown entity', '<prefetchUris><uri>&who;</uri></prefetchUris>', 'not well formed'],
    ['two roots', '<prefetchUris/><prefetchUris/>', 'not well formed'],
    ['another encoding', '<?xml version="1.0" encoding="iso-8859-1"?><prefetchUris/>', 'iso-8859-1'],
    ['nothing', '', 'not well formed'],
    ['great depth', '<a>'.repeat(80_000), 'root a'],
    ['great depth below the root', `<prefetchUris>${'<a>'.repeat(80_000)}`, 'too deeply'],
  ])('with %s is ignored', (_, text, reason) => {
    expect(readIndex(Buffer.from(text))).toMatchObject({kind: 'ignored', reason: expect.stringContaining(reason)})
  })
})
