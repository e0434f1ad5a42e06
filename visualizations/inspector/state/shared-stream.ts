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
  /** The server answers, and gives no stream; it is asked for again in two seconds. */
  readonly refused: () => Promise<void>
}

type Told =
  | {readonly kind: 'message'; readonly seq: number; readonly message: InspectorMessage}
  | {readonly kind: 'link'; readonly link: Link}
  | {readonly kind: 'refused'}
  /** A tab that came later asks how things are. */
  | {readonly kind: 'hello'}

const NAME = 'background-transfer-inspector'
const TYPES: readonly InspectorMessage['type'][] = [
  'progress',
  'operation',
  'transition',
  'removed',
  'group',
  'conditions',
  'log',
  'resync',
]

export function followStream(address: (after: number) => string, handlers: StreamHandlers): void {
  const channel = new BroadcastChannel(NAME)
  let link: Link = 'connecting'
  let leads = false

  const setLink = (next: Link) => {
    link = next
    handlers.link(next)
    if (leads) channel.postMessage({kind: 'link', link} satisfies Told)
  }

  channel.onmessage = ({data}: MessageEvent<Told>) => {
    if (data.kind === 'message') handlers.message(data.seq, data.message)
    else if (data.kind === 'link') setLink(data.link)
    else if (data.kind === 'refused') void handlers.refused()
    else if (leads) channel.postMessage({kind: 'link', link} satisfies Told)
  }
  channel.postMessage({kind: 'hello'} satisfies Told)

  void navigator.locks.request(NAME, () => {
    leads = true
    read(address, handlers, setLink, (told) => channel.postMessage(told))
    // Held until the tab closes.
    return new Promise<never>(() => {})
  })
}

function read(
  address: (after: number) => string,
  handlers: StreamHandlers,
  setLink: (link: Link) => void,
  tell: (told: Told) => void,
): void {
  const source = new EventSource(address(handlers.seen()))
  source.onopen = () => setLink('live')
  source.onerror = () => {
    setLink('lost')
    // The browser reconnects by itself after a cut, but gives up after an answer that is no stream.
    if (source.readyState !== EventSource.CLOSED) return
    tell({kind: 'refused'})
    void handlers.refused()
    setTimeout(() => read(address, handlers, setLink, tell), 2000)
  }
  const take = ({data, lastEventId}: MessageEvent<string>) => {
    const seq = Number(lastEventId)
    const message: InspectorMessage = JSON.parse(data)
    handlers.message(seq, message)
    tell({kind: 'message', seq, message})
  }
  source.onmessage = take
  for (const type of TYPES) source.addEventListener(type, take)
}
