/**
 * Takes interim responses (1xx) out of the bytes before the parser sees them: RFC 9110 15.2 wants them accepted unasked, undici
 * fails on an unasked 100 Continue, and nothing else bounds how many a server may send. And refuses what undici's parser takes for an
 * answer as well, though it is none to a request in HTTP/1.1: that of another protocol, or of another major version.
 */

import {TransferError} from '../../domain/errors.ts'
import {MAX_HEAD_BYTES} from './limits.ts'

const MAX_INTERIM_RESPONSES = 20
const HEAD_END = '\r\n\r\n'
/** Longer numbers are the parser's to refuse. */
const INTERIM = /^HTTP\/1\.\d 1\d\d[ \r]/
/** Below 100, or a change of protocol, which nobody asked for: undici takes either for a mistake of its own. */
const UNUSABLE = /^[A-Z]+\/\d\.\d (?:0|101)/
/** All that has a meaning to who asked. */
const VERSION = /^HTTP\/1\./
/** Another one that the parser would take. */
const FOREIGN = /^(?:HTTP|RTSP|ICE)\//
/** What the parser takes for a protocol. */
const PROTOCOLS = ['HTTP/', 'RTSP/', 'ICE/']
const STATUS_LINE_START = 'HTTP/1.1 1xx '.length
const STATUS_AT = 'HTTP/1.1 '.length
const MAJOR_AT = 'HTTP/'.length
const MINOR_AT = 'HTTP/1.'.length
/** A version that knows no Transfer-Encoding. */
const OLD = /^HTTP\/1\.0/
const H = 0x48
const ONE = 0x31
const TWO = 0x32
const CR = 0x0d
const LF = 0x0a
const NOTHING = Buffer.alloc(0)

export class InterimFilter {
  readonly #where: string
  #held: Buffer = NOTHING
  #dropped = 0
  #passing = false
  #isOld = false

  constructor(where: string) {
    this.#where = where
  }

  /** The answer is one in HTTP/1.0. */
  get isOld(): boolean {
    return this.#isOld
  }

  /** A request goes out: the next bytes start a response. */
  begin(): void {
    this.#held = NOTHING
    this.#dropped = 0
    this.#passing = false
    this.#isOld = false
  }

  /** The bytes (a view) that are the parser's; empty while it is not clear yet. Throws INVALID_RESPONSE beyond the bounds. */
  pass(bytes: Buffer): Buffer {
    if (this.#passing) return bytes
    // Nearly always: a look at the version, and one at the first digit of the status.
    const isLong = this.#held.length === 0 && bytes.length >= STATUS_LINE_START
    const isUsual = isLong && bytes[0] === H && bytes[MAJOR_AT] === ONE && bytes[MINOR_AT] === ONE
    if (isUsual && (bytes[STATUS_AT] ?? 0) >= TWO) {
      this.#passing = true
      return bytes
    }
    let rest = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    for (;;) {
      const from = lineStart(rest)
      const start = rest.toString('latin1', from, from + STATUS_LINE_START)
      const undecided =
        start.length < STATUS_LINE_START && PROTOCOLS.some((each) => each.startsWith(start.slice(0, each.length)))
      if (UNUSABLE.test(start)) throw this.#refusal('the answer has no usable status')
      if (!undecided && FOREIGN.test(start) && !VERSION.test(start))
        throw this.#refusal('the answer is not proper HTTP')
      if (!undecided && !INTERIM.test(start)) {
        this.#isOld = OLD.test(start)
        break
      }
      const end = undecided ? -1 : rest.indexOf(HEAD_END, from)
      if (end < 0) {
        if (rest.length > MAX_HEAD_BYTES) throw this.#refusal('an interim answer is too large')
        this.#held = Buffer.from(rest)
        return NOTHING
      }
      this.#dropped += 1
      if (this.#dropped > MAX_INTERIM_RESPONSES) throw this.#refusal('the server sends interim answers without end')
      rest = rest.subarray(end + HEAD_END.length)
    }
    this.#held = NOTHING
    this.#passing = true
    return rest
  }

  #refusal(message: string): TransferError {
    return new TransferError('INVALID_RESPONSE', message, {where: this.#where})
  }
}

/** The parser passes over empty lines before an answer. */
function lineStart(bytes: Buffer): number {
  let at = 0
  while (bytes[at] === CR || bytes[at] === LF) at += 1
  return at
}
