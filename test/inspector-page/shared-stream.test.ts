/** The one stream of all tabs, where the server refuses it: how often it is asked for again, and what the tabs read meanwhile. */

import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'

/** As a browser has it, and the test decides. */
class Source {
  static readonly CLOSED = 2
  static readonly asked: Source[] = []
  readyState = 0
  onopen = () => {}
  onerror = () => {}
  onmessage = () => {}

  constructor() {
    Source.asked.push(this)
  }

  open(): void {
    this.onopen()
  }

  /** The answer is no stream. */
  refuse(): void {
    this.readyState = Source.CLOSED
    this.onerror()
  }
}

class Channel {
  static readonly open: Channel[] = []
  onmessage = (_event: {readonly data: unknown}) => {}

  constructor() {
    Channel.open.push(this)
  }

  postMessage(): void {}
}

interface Following {
  readonly followStream: (address: () => string, handlers: object) => void
}

const newest = () => Source.asked.at(-1)

/** Seconds until the stream is asked for again. */
function secondsUntilAsked(): number {
  const before = Source.asked.length
  for (let seconds = 0; seconds < 100; seconds++) {
    if (Source.asked.length > before) return seconds
    vi.advanceTimersByTime(1_000)
  }
  return Number.POSITIVE_INFINITY
}

describe('a stream that is refused', () => {
  const refused = vi.fn(async () => {})

  beforeEach(async () => {
    vi.useFakeTimers()
    vi.stubGlobal('EventSource', Source)
    vi.stubGlobal('BroadcastChannel', Channel)
    vi.stubGlobal('navigator', {locks: {request: (_name: string, lead: () => void) => lead()}})
    Source.asked.length = 0
    Channel.open.length = 0
    refused.mockClear()
    // Of the page's own program, whose types are those of a browser.
    const name = 'shared-stream'
    const {followStream}: Following = await import(`../../visualizations/inspector/state/${name}.ts`)
    followStream(() => '/events', {seen: () => 0, message: () => {}, link: () => {}, refused})
  })

  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  it('is asked for less and less often, down to twice a minute, and what tabs read for it too', () => {
    const waits = [1, 2, 3, 4, 5, 6].map(() => {
      newest()?.refuse()
      return secondsUntilAsked()
    })
    expect(waits).toEqual([2, 4, 8, 16, 30, 30])
    expect(refused).toHaveBeenCalledTimes(6)
  })

  it('is asked for as soon as at first, once it was given', () => {
    for (let time = 0; time < 3; time++) {
      newest()?.refuse()
      secondsUntilAsked()
    }
    newest()?.open()
    newest()?.refuse()
    expect(secondsUntilAsked()).toBe(2)
  })

  it('is asked for at once when another tab was let in, and not beside one that is asked for', () => {
    const hello = () => Channel.open[0]?.onmessage({data: {kind: 'hello'}})
    hello()
    expect(Source.asked).toHaveLength(1)
    newest()?.refuse()
    secondsUntilAsked()
    newest()?.refuse()
    hello()
    hello()
    expect(Source.asked).toHaveLength(3)
    vi.advanceTimersByTime(60_000)
    expect(Source.asked).toHaveLength(3)
  })
})
