/**
 * Transport: one HTTP exchange (one request, one final response; redirects are the caller's business).
 * How a proxy on the way is asked, and answered when it asks who we are, is the transport's business.
 *
 * The body never travels through streams. The transport asks the receiver for memory, fills it, and says at which body
 * offset the bytes belong. All receiver calls are synchronous, on the event loop, in order:
 * (connected? → sent? → repeated?)* → responded → (lend → filled)* → and then `finished` settles. After `signal` aborts, or `finished`
 * settles, no receiver call is made and no lent buffer is touched. A server may answer before it has the whole request body:
 * then `sent` is not called, and the connection is not used again.
 */

import type {Credential} from '../domain/credential.ts'
import type {HeaderField} from '../domain/header-fields.ts'
import type {FtpTls} from '../domain/record.ts'
import type {ResponseFacts} from '../domain/response-facts.ts'

export interface ExchangeRequest {
  /** Absolute http, https or ftp URL without user information or fragment. */
  readonly url: string
  readonly method: string
  /** Sent as given, in order, beside what HTTP itself needs (Host, Connection). */
  readonly headers: readonly HeaderField[]
  /** Sent with its Content-Length, from the first byte at each sending, of which there may be more than one. */
  readonly body?: RequestBody
  /** Address of the proxy to ask, without user information; 'direct' for none. The transport decides where it is not said. */
  readonly proxy?: string
  /** Who the operation is for a proxy that asks. */
  readonly proxyCredential?: Credential
  /** Over FTP: who logs in; nobody in particular where it is absent. HTTP servers ask. */
  readonly serverCredential?: Credential
  /** Over FTP: whether, and when, TLS begins. */
  readonly ftpTls?: FtpTls
}

/** What a request carries: bytes whose number is known before, read anew for each sending. */
export interface RequestBody {
  /** Bytes; exactly as many must come. */
  readonly length: number
  /**
   * The bytes in order, in chunks of any size. A chunk's memory is the reader's again when the next one is asked for. Leaving
   * the loop gives back what it holds; what it throws ends the exchange.
   */
  chunks(): AsyncIterable<Buffer>
}

/** What the receiver wants done with the body that follows a head. */
export type BodyDisposition =
  /** Deliver it through lend and filled. */
  | 'receive'
  /** Read and drop it where that is cheaper than a new connection, else close. `finished` resolves with bodyLength 0. */
  | 'discard'

export interface BodyReceiver {
  /** The connection (TCP, and TLS where asked) stands; also for a reused connection. Once, and once more after each `repeated`. */
  connected(): void
  /** The whole request body was taken by the connection. Not called for a request without one. */
  sent?(): void
  /**
   * The request goes out once more, from `connected` on, its body from the first byte: a proxy on the way asked who we are, or the server
   * closed an idle connection just as a request went out on it that does the same once or twice.
   */
  repeated?(): void
  /** The final response's head (1xx are swallowed by the transport and bounded by it). */
  responded(head: ResponseFacts): BodyDisposition
  /** More bytes of the body came, which `Exchange.received` counts: for live progress. Not every transport says so. */
  moved?(): void
  /**
   * Memory for the next bytes: at least 16 KiB, owned by the transport until it is handed to `filled` or released.
   * `undefined` means: stop reading from the connection until `Exchange.resume()`. `isMuch`: the last read brought a mebibyte or more,
   * so that larger memory than usual would be filled at once, too.
   */
  lend(isMuch?: boolean): Buffer | undefined
  /** `buffer[0, length)` holds body bytes from `offset` (0 is the first byte of this response's body). Length ≥ 1. */
  filled(buffer: Buffer, length: number, offset: number): void
  /** A lent buffer comes back unused (end, failure or abort). */
  release(buffer: Buffer): void
}

/** The same receiver, but that `responded` hears the head of the answer in its place. */
export function hearing(receiver: BodyReceiver, responded: BodyReceiver['responded']): BodyReceiver {
  return {
    connected: () => receiver.connected(),
    ...(receiver.sent === undefined ? {} : {sent: () => receiver.sent?.()}),
    ...(receiver.repeated === undefined ? {} : {repeated: () => receiver.repeated?.()}),
    responded,
    ...(receiver.moved === undefined ? {} : {moved: () => receiver.moved?.()}),
    lend: (isMuch) => receiver.lend(isMuch),
    filled: (buffer, length, offset) => receiver.filled(buffer, length, offset),
    release: (buffer) => receiver.release(buffer),
  }
}

export interface ExchangeEnd {
  /** Body bytes delivered. */
  readonly bodyLength: number
  /** How the end of the body was known. `close` is a clean FIN with neither length nor chunks. */
  readonly framing: 'length' | 'chunked' | 'close' | 'none'
}

export interface Exchange {
  /** Body bytes read so far, those not yet handed to `filled` included: for live progress. */
  readonly received: number
  /** Bytes of the request body that the connection (the kernel's buffers) took so far. */
  readonly sent: number
  /**
   * Bytes of the request body that were handed to the connection so far: no less than `sent`, and ahead of it by the few that are
   * on their way into the kernel's buffers. What was answered before all of it was handed over, was answered too early.
   */
  readonly given: number
  /** Hands a partly filled buffer over now, so that a slow body can be checkpointed. */
  flush(): void
  /** Memory is there again: `lend` would answer. Idempotent. */
  resume(): void
  /**
   * Resolves at the proven end of the body; rejects with a TransferError (CONNECTION_REFUSED, CONNECTION_RESET,
   * NAME_NOT_RESOLVED, NETWORK_UNREACHABLE, PROXY_FAILED, PROXY_UNAUTHORIZED, CERTIFICATE_*, TLS_FAILED, INVALID_RESPONSE, TRUNCATED, CANCELED after abort).
   * A body that ends before its length, a chunked body without its end, and a reset in a close-delimited body are TRUNCATED
   * or CONNECTION_RESET, never an end. Bytes received before the failure were handed to `filled` first.
   */
  readonly finished: Promise<ExchangeEnd>
}

/** An exchange of a request without a body, and without a signal. */
export interface BriefExchange extends Pick<Exchange, 'received' | 'flush' | 'resume' | 'finished'> {
  /** What aborting the signal of an exchange does. Idempotent. */
  stop(): void
}

export interface Transport {
  /** Starts at once. Aborting `signal` closes the exchange's connection; `finished` then rejects with CANCELED. */
  exchange(request: ExchangeRequest, receiver: BodyReceiver, signal: AbortSignal): Exchange
  /**
   * The same without a signal: to make one, listen to it and let go of it costs as much as all else that an exchange of a few KiB
   * takes here. Absent where a transport has no such way; see `beginBrief`.
   */
  brief?(request: ExchangeRequest, receiver: BodyReceiver): BriefExchange
  /**
   * These addresses of this machine are gone: what is connected from them fails with CONNECTION_RESET, and serves nobody any more.
   * Absent where a transport does not know from where it is connected.
   */
  addressesGone?(addresses: readonly string[]): void
  /** Closes every connection. Idempotent. */
  close(): Promise<void>
}

/** A brief exchange over any transport. */
export function beginBrief(
  transport: Pick<Transport, 'exchange' | 'brief'>,
  request: ExchangeRequest,
  receiver: BodyReceiver,
): BriefExchange {
  if (transport.brief !== undefined) return transport.brief(request, receiver)
  const controller = new AbortController()
  const exchange = transport.exchange(request, receiver, controller.signal)
  return {
    get received() {
      return exchange.received
    },
    flush: () => exchange.flush(),
    resume: () => exchange.resume(),
    finished: exchange.finished,
    stop: () => controller.abort(),
  }
}
