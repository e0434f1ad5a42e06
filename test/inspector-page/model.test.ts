/** What the page works out before it draws: numbers, words, rows, windows, steps of history. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import {LIFE_STATES} from '../../src/domain/status.ts'
import type {GroupView, JournalEntry, OperationDetail, OperationView} from '../../src/inspector/protocol.ts'
import {curlOf} from '../../visualizations/inspector/model/curl.ts'
import {
  formatBytes,
  formatCountdown,
  formatDuration,
  formatPercent,
  timeLeft,
} from '../../visualizations/inspector/model/format.ts'
import {headerChanges} from '../../visualizations/inspector/model/header-lines.ts'
import {changesBetween, mergeJournals, stays, stepFrom} from '../../visualizations/inspector/model/journey.ts'
import {listRows} from '../../visualizations/inspector/model/list-rows.ts'
import {areaPath, NO_SAMPLES, peakOf, samplesIn, withSample} from '../../visualizations/inspector/model/samples.ts'
import {supposable} from '../../visualizations/inspector/model/suppositions.ts'
import {rowTops, rowWindow, scrollTopFor, WINDOW_FROM} from '../../visualizations/inspector/model/window-rows.ts'
import {
  conditionsTitle,
  groupTitle,
  networkWords,
  statusWords,
  wordsForEvent,
  wordsForState,
} from '../../visualizations/inspector/model/words.ts'

const KIB = 1024

function view(number: number, more: Partial<OperationView> = {}): OperationView {
  return {
    guid: `00000000-0000-7000-8000-${String(number).padStart(12, '0')}` as OperationId,
    url: `http://127.0.0.1/${number}`,
    name: `file-${number}`,
    direction: 'download',
    group: '',
    priority: 0,
    status: 'idle',
    state: 'queued',
    path: 'queued',
    bytesReceived: 0,
    totalBytesToReceive: 0,
    rate: 0,
    attempts: 0,
    createdAt: number,
    ...more,
  }
}

function entry(seq: number, more: Partial<JournalEntry> = {}): JournalEntry {
  const position = {event: 'attempt.connected', from: 'a', to: 'b', state: 'running'} as const
  return {seq, at: seq * 1000, attempts: 1, failures: 0, bytes: 0, generation: 1, ...position, ...more}
}

describe('numbers', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1024 * KIB - 1, '1.0 MiB'],
    [663 * KIB * KIB, '663 MiB'],
    [5.3 * KIB ** 3, '5.3 GiB'],
  ])('says %i bytes as %s', (bytes, words) => expect(formatBytes(bytes)).toBe(words))

  it.each([
    [400, '0.4 s'],
    [26_000, '26 s'],
    [625_000, '10m 25s'],
    [7_500_000, '2h 05m'],
    [266_400_000, '3d 2h'],
  ])('says %i ms as %s', (ms, words) => expect(formatDuration(ms)).toBe(words))

  it('counts a wait down to zero and never below', () => {
    expect(formatCountdown(13_400)).toBe('0:14')
    expect(formatCountdown(-1)).toBe('0:00')
  })

  it('never says 100 % before the last byte', () => {
    fc.assert(
      fc.property(fc.integer({min: 2, max: 2 ** 50}), (total) => {
        expect(formatPercent(total - 1, total)).not.toBe('100.0 %')
        expect(formatPercent(total, total)).toBe('100.0 %')
      }),
    )
  })

  it('knows no time left without a size or a rate', () => {
    expect(timeLeft(10, 0, 5)).toBeUndefined()
    expect(timeLeft(10, 20, 0)).toBeUndefined()
    expect(timeLeft(10, 20, 5)).toBe(2000)
  })
})

describe('words', () => {
  it('show controls of direction in the names of groups as the command line does', () => {
    expect(['bill\u202efdp', '\u2066x\u2069', 'films', ''].map(groupTitle)).toEqual([
      'bill?fdp',
      '?x?',
      'films',
      'No group',
    ])
  })

  it('has words of its own for every state', () => {
    const words = LIFE_STATES.map(wordsForState)
    expect(new Set(words).size).toBe(LIFE_STATES.length)
    expect(words.filter((each) => LIFE_STATES.some((state) => state === each))).toEqual([])
  })

  it('tells how long a wait will last, and what step a running transfer is at', () => {
    expect(statusWords({state: 'waitingToRetry', path: 'running.waitingToRetry', retryAt: 15_000}, 1_000)).toBe(
      'Waiting to retry · 0:14',
    )
    expect(statusWords({state: 'running', path: 'running.exchanging.active.connecting'}, 0)).toBe('Connecting')
    expect(statusWords({state: 'pausedCostedNetwork', path: 'paused.costedNetwork'}, 0)).toBe(
      'Waiting: metered network',
    )
  })

  it.each([
    ['xstate.after.stallTimeout.operation.running', 'after stallTimeout'],
    ['xstate.done.actor.weighing', 'weighing done'],
    ['xstate.error.actor.publication', 'publication failed'],
    ['operation.admit', 'operation.admit'],
    ['', 'always'],
  ])('says the event "%s" as "%s"', (event, words) => expect(wordsForEvent(event)).toBe(words))

  it('names cost and roaming of the network', () => {
    const cost = {type: 'fixed', roaming: true, approachingDataLimit: true, overDataLimit: false} as const
    const conditions = {connectivity: 'internet', cost, batterySaver: false, foreground: true} as const
    expect(networkWords(conditions)).toBe('Online, metered, roaming, near the data limit')
    expect(networkWords({...conditions, connectivity: 'none'})).toBe('Offline')
    expect(conditionsTitle(conditions)).toBe(`Network cost: ${conditions.cost.type}`)
    const basis = {network: 'interfaces', cost: 'NetworkManager, guessed', power: 'assumed'}
    expect(conditionsTitle({...conditions, basis})).toContain('(NetworkManager, guessed); connectivity by: interfaces')
  })
})

describe('the rows of the list', () => {
  const all = {text: '', show: 'all'} as const
  const operationsOf = (rows: ReturnType<typeof listRows>) =>
    rows.flatMap((row) => (row.kind === 'operation' ? [row] : []))

  it('puts members before the line, the line before the rest, and the ended last, newest first', () => {
    const views = [
      view(1, {endedAt: 5, state: 'completed'}),
      view(2, {endedAt: 9, state: 'failed'}),
      view(3),
      view(4),
      view(5, {state: 'running'}),
      view(6, {priority: 1}),
    ]
    const guid = (index: number) => view(index).guid
    const group: GroupView = {name: '', behavior: 'parallel', state: 'satisfied', members: [guid(5)], line: [guid(4)]}
    const rows = operationsOf(listRows(views, new Map([['', group]]), all, new Set()))
    expect(rows.map(({key}) => key)).toEqual([5, 4, 6, 3, 2, 1].map(guid))
    expect(rows.map(({place}) => place)).toEqual([1, 2, 3, 4, undefined, undefined])
  })

  it('keeps places when a filter hides the others', () => {
    const rows = operationsOf(listRows([view(1), view(2)], new Map(), {text: 'FILE-2', show: 'all'}, new Set()))
    expect(rows).toEqual([{kind: 'operation', key: view(2).guid, place: 2}])
  })

  it('shows only the head of a folded group, and no head without rows', () => {
    const views = [view(1, {group: 'a'}), view(2, {group: 'b', state: 'failed', endedAt: 1})]
    const folded = listRows(views, new Map(), all, new Set(['a']))
    expect(folded.map(({key}) => key)).toEqual(['group:a', 'group:b', view(2).guid])
    expect(listRows(views, new Map(), {text: '', show: 'failed'}, new Set()).map(({key}) => key)).toEqual([
      'group:b',
      view(2).guid,
    ])
  })
})

describe('the window of a long list', () => {
  it('covers what is looked at, with room for the rest, wherever it is scrolled to', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(44, 62), {minLength: WINDOW_FROM + 1, maxLength: 3000}),
        fc.double({min: 0, max: 1, noNaN: true}),
        fc.integer({min: 100, max: 2000}),
        (heights, share, height) => {
          const tops = rowTops(heights)
          const total = tops.at(-1) ?? 0
          const scrollTop = Math.max(0, (total - height) * share)
          const {start, end, before, after} = rowWindow(tops, scrollTop, height)
          const drawn = heights.slice(start, end).reduce((sum, each) => sum + each, 0)
          expect(before + drawn + after).toBe(total)
          expect(before).toBeLessThanOrEqual(scrollTop)
          expect(before + drawn).toBeGreaterThanOrEqual(Math.min(total, scrollTop + height))
          expect(end - start).toBeLessThan(height / 44 + 20)
        },
      ),
    )
  })

  it('scrolls no further than a row needs', () => {
    const tops = rowTops([60, 60, 60, 60])
    expect(scrollTopFor(tops, 1, 0, 120)).toBe(0)
    expect(scrollTopFor(tops, 3, 0, 120)).toBe(120)
    expect(scrollTopFor(tops, 0, 120, 120)).toBe(0)
  })
})

describe('history', () => {
  const entries = [entry(3), entry(4), entry(7)]

  it('walks back from the present, stops at the beginning, and forward into the present', () => {
    expect(stepFrom(entries, undefined, -1)).toBe(4)
    expect(stepFrom(entries, 4, -1)).toBe(3)
    expect(stepFrom(entries, 3, -1)).toBe(3)
    expect(stepFrom(entries, 3, 1)).toBe(4)
    expect(stepFrom(entries, 4, 1)).toBeUndefined()
    expect(stepFrom(entries, undefined, 1)).toBeUndefined()
  })

  it('measures each stay until the next, and the last until now', () => {
    expect(stays(entries, 9000).map(({ms}) => ms)).toEqual([1000, 3000, 2000])
  })

  it('names what a step changed', () => {
    const changes = changesBetween(entry(1), entry(2, {bytes: 2048, status: 206}))
    expect(changes).toEqual([
      {field: 'bytes', before: '0 B', after: '2.0 KiB'},
      {field: 'status', before: undefined, after: '206'},
    ])
  })

  it('joins two parts of a journal without doubles', () => {
    const seqs = mergeJournals([entry(1), entry(2)], [entry(2), entry(3)]).map(({seq}) => seq)
    expect(seqs).toEqual([1, 2, 3])
  })
})

describe('throughput', () => {
  const box = {width: 100, height: 50}

  it('draws half a minute, and nothing while nothing moves', () => {
    const old = withSample(NO_SAMPLES, {at: 0, rate: 5})
    const kept = withSample(old, {at: 40_000, rate: 10})
    expect(samplesIn(kept, 'short')).toEqual([{at: 40_000, rate: 10}])
    expect(areaPath([], 0, 'short', box).area).toBe('')
    expect(areaPath(samplesIn(kept, 'short'), 40_000, 'short', box).line).toBe('M100 4L100 4')
    // Nothing came since.
    expect(areaPath(samplesIn(kept, 'short'), 55_000, 'short', box).line).toBe('M50 4L50 50L100 50')
  })

  it('keeps five minutes coarsely, with the peaks', () => {
    let samples = NO_SAMPLES
    for (let at = 0; at <= 600_000; at += 250) samples = withSample(samples, {at, rate: at === 400_250 ? 99 : 1})
    const long = samplesIn(samples, 'long')
    expect(long.length).toBeLessThan(300)
    expect(peakOf(long)).toBe(99)
    expect(long[0]?.at).toBeGreaterThanOrEqual(600_000 - 301_000)
    expect(long.map(({at}) => at)).toEqual(long.map(({at}) => at).toSorted((a, b) => a - b))
    expect(peakOf(samplesIn(samples, 'short'))).toBe(1)
  })
})

describe('a request by hand', () => {
  const record = {
    direction: 'download',
    request: {url: "https://example.com/a?key=***&it's", method: 'GET', headers: [['X-Note', 'a b']]},
    target: {file: '/tmp/my file'},
  } as unknown as OperationRecord

  it('is a curl command that a shell takes apart as it was meant', () => {
    expect(curlOf(record)).toBe(
      `curl --location --header 'X-Note: a b' --continue-at - --output '/tmp/my file' 'https://example.com/a?key=***&it'\\''s'`,
    )
    const upload = {
      ...record,
      direction: 'upload',
      request: {...record.request, method: 'PUT', headers: []},
    } as OperationRecord
    expect(curlOf(upload)).toContain("--request PUT --upload-file '/tmp/my file'")
  })

  it('is one request where curl would read brackets as several', () => {
    const asked = (url: string) => curlOf({...record, request: {...record.request, url}} as OperationRecord)
    expect(asked('https://example.com/disk[1-3].iso')).toMatch(
      /^curl --location --globoff .*'https:.*disk\[1-3\]\.iso'$/,
    )
    expect(asked('https://example.com/disk.iso')).not.toContain('--globoff')
  })

  it('has headers as they are written', () => {
    expect(headerChanges('Authorization: Bearer a:b\n\r\nX-Gone:\n')).toEqual([
      ['Authorization', 'Bearer a:b'],
      ['X-Gone', null],
    ])
    expect(headerChanges('A: 1\nnothing')).toBe('Line 2 has no name and colon.')
  })
})

it('of what is over, conditions are not supposed; of the past, everything is', () => {
  const known = (availableEvents: readonly string[], endedAt?: number) =>
    ({availableEvents, operation: {endedAt}}) as unknown as OperationDetail
  const running = known(['attempt.finished', 'operation.pause', 'xstate.after.stallTimeout.operation.x'])
  expect(supposable(running, false)).toEqual([
    'operation.pause',
    'xstate.after.stallTimeout.operation.x',
    'conditions.offline',
    'conditions.metered',
    'conditions.good',
  ])
  expect(supposable(known([], 5), false)).toEqual([])
  expect(supposable(running, true)).toContain('operation.resume')
})
