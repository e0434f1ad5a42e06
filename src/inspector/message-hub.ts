/**
 * The event stream: every message is serialised once, kept for a while for those who reconnect, and written to whoever
 * listens. Nothing here grows: neither what is kept nor what waits for a client that does not read.
 */

import type {ServerResponse} from 'node:http'
import type {InspectorMessage} from './protocol.ts'

/** What is kept for those who reconnect. */
const KEPT_MESSAGES = 2000
const KEPT_BYTES = 4 * 1024 * 1024

/** A client for which more than this waits is dropped; it comes back, and reads the state again. */
const CLIENT_BYTES = 1024 * 1024

/** One that missed more than this reads the state again instead. */
const REPLAY_BYTES = 512 * 1024

const MOST_CLIENTS = 64

interface Kept {
  readonly seq: number
  readonly frame: string
}

export class MessageHub {
  readonly #clients = new Set<ServerResponse>()
  readonly #live: () => InspectorMessage | undefined
  #kept: Kept[] = []
  #start = 0
  #keptBytes = 0
  #seq: number
  /** The newest message that is kept no more, progress aside: who saw this one missed nothing. */
  #floor: number

  /**
   * `live`: the live counters of everything that moves, for one that reconnects. `before`: the number before its first message's.
   * No other hub on the same port may have come so far: a page that was told of by that one would take these for the next.
   */
  constructor(live: () => InspectorMessage | undefined, before = 0) {
    this.#live = live
    this.#seq = before
    this.#floor = before
  }

  get seq(): number {
    return this.#seq
  }

  get clients(): number {
    return this.#clients.size
  }

  get isFull(): boolean {
    return this.#clients.size >= MOST_CLIENTS
  }

  publish(message: InspectorMessage): void {
    this.#seq += 1
    const isKept = message.type !== 'progress'
    if (!isKept && this.#clients.size === 0) return
    const frame = frameOf(this.#seq, message)
    if (isKept) this.#keep({seq: this.#seq, frame})
    for (const client of this.#clients) this.#write(client, frame)
  }

  /** The response becomes a stream of what comes from now on, after what was missed since message `after`. */
  attach(response: ServerResponse, after: number | undefined): void {
    response.write('retry: 1000\n\n')
    if (after !== undefined) {
      const missed = this.#since(after)
      const live = missed === undefined ? undefined : this.#live()
      response.write(missed ?? frameOf(this.#seq, {type: 'resync'}))
      if (live !== undefined) response.write(frameOf(this.#seq, live))
    }
    this.#clients.add(response)
    const leave = () => void this.#clients.delete(response)
    response.on('close', leave).on('error', leave)
  }

  /** So that neither side takes a quiet stream for a dead one. */
  beat(): void {
    for (const client of this.#clients) this.#write(client, ':\n\n')
  }

  close(): void {
    for (const client of this.#clients) client.destroy()
    this.#clients.clear()
  }

  #write(client: ServerResponse, frame: string): void {
    client.write(frame)
    if (client.writableLength <= CLIENT_BYTES) return
    this.#clients.delete(client)
    client.destroy()
  }

  /** The frames behind message `after`; `undefined` when some are gone. */
  #since(after: number): string | undefined {
    if (after < this.#floor || after > this.#seq) return undefined
    let bytes = 0
    const frames: string[] = []
    for (let at = this.#kept.length - 1; at >= this.#start; at -= 1) {
      const kept = this.#kept[at]
      if (kept === undefined || kept.seq <= after) break
      frames.push(kept.frame)
      bytes += kept.frame.length
      if (bytes > REPLAY_BYTES) return undefined
    }
    return frames.reverse().join('')
  }

  #keep(kept: Kept): void {
    this.#kept.push(kept)
    this.#keptBytes += kept.frame.length
    while (this.#kept.length - this.#start > KEPT_MESSAGES || this.#keptBytes > KEPT_BYTES) {
      const oldest = this.#kept[this.#start]
      this.#start += 1
      this.#keptBytes -= oldest?.frame.length ?? 0
      this.#floor = oldest?.seq ?? this.#floor
    }
    // Now and then, so that dropping one costs no move of all the others.
    if (this.#start > KEPT_MESSAGES) {
      this.#kept = this.#kept.slice(this.#start)
      this.#start = 0
    }
  }
}

function frameOf(seq: number, message: InspectorMessage): string {
  return `id: ${seq}\ndata: ${JSON.stringify(message)}\n\n`
}
