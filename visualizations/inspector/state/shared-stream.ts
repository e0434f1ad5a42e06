/**
 * One event stream for all tabs of a browser: a browser opens at most six connections to a host, so the seventh tab with a
 * stream of its own would stand still. The tab that holds the lock reads the stream and tells the others; when it closes,
 * the lock goes to the next, which goes on from the last message it saw.
 */

import type {InspectorMessage} from '../../../src/inspector/protocol.ts'

export type Link = 'connecting' | 'live' | 'lost'

export interface StreamHandlers {
  /** The last message that this tab has seen. */
  readonly seen: () => number
  readonly message: (seq: number, message: InspectorMessage) => void
  readonly link: (link: Link) => void
  /** The server answers, and gives no stream; it is asked for again in two seconds, and then less and less often. */
  readonly refused: () => Promise<void>
}

type Told =
  | {readonly kind: 'message'; readonly seq: number; readonly message: InspectorMessage}
  | {readonly kind: 'link'; readonly link: Link}
  | {readonly kind: 'refused'}
  /** A tab that came later asks how things are. */
  | {readonly kind: 'hello'}

const NAME = 'background-transfer-inspector'
/** ms until a stream that was refused is asked for again; twice as long after each. */
const FIRST_WAIT_MS = 2_000
const LONGEST_WAIT_MS = 30_000

export function followStream(address: (after: number) => string, handlers: StreamHandlers): void {
  const channel = new BroadcastChannel(NAME)
  const tell = (told: Told) => channel.postMessage(told)
  let link: Link = 'connecting'
  let leads = false
  let waitMs = FIRST_WAIT_MS
  let waiting: ReturnType<typeof setTimeout> | undefined

  const setLink = (next: Link) => {
    link = next
    handlers.link(next)
    if (leads) tell({kind: 'link', link})
  }

  const take = ({data, lastEventId}: MessageEvent<string>) => {
    const seq = Number(lastEventId)
    const message: InspectorMessage = JSON.parse(data)
    handlers.message(seq, message)
    tell({kind: 'message', seq, message})
  }

  const ask = () => {
    waiting = undefined
    const source = new EventSource(address(handlers.seen()))
    source.onopen = () => {
      waitMs = FIRST_WAIT_MS
      setLink('live')
    }
    source.onerror = () => {
      setLink('lost')
      // The browser reconnects by itself after a cut, but gives up after an answer that is no stream.
      if (source.readyState !== EventSource.CLOSED) return
      tell({kind: 'refused'})
      void handlers.refused()
      waiting = setTimeout(ask, waitMs)
      waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)
    }
    source.onmessage = take
  }

  channel.onmessage = ({data}: MessageEvent<Told>) => {
    if (data.kind === 'message') handlers.message(data.seq, data.message)
    else if (data.kind === 'link') setLink(data.link)
    else if (data.kind === 'refused') void handlers.refused()
    else if (leads) {
      tell({kind: 'link', link})
      if (waiting === undefined) return
      // It was let in, and its cookie is that of all.
      clearTimeout(waiting)
      waitMs = FIRST_WAIT_MS
      ask()
    }
  }
  tell({kind: 'hello'})

  void navigator.locks.request(NAME, () => {
    leads = true
    ask()
    // Held until the tab closes.
    return new Promise<never>(() => {})
  })
}
