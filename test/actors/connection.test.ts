/** A connection of a try, and its ends: of a stretch, while the memory that it is read into has room left; of what is not waited for. */

import {describe, expect, it} from 'vitest'
import type {BodyWriter} from '../../src/actors/body-writer.ts'
import {Connection, type Reception} from '../../src/actors/connection.ts'
import {Logins} from '../../src/actors/server-login.ts'
import {BodyIntake} from '../../src/adapters/http/body-intake.ts'
import {TransferError} from '../../src/domain/errors.ts'
import type {TransferRequest} from '../../src/domain/record.ts'
import type {Random} from '../../src/ports/random.ts'
import type {Secrets} from '../../src/ports/secrets.ts'
import type {BodyReceiver, Exchange, Transport} from '../../src/ports/transport.ts'

const LENT = 1024
const BODY = 10_000
const REQUEST: TransferRequest = {url: 'http://server.example/file', method: 'GET', headers: []}

/** A server whose body comes as the test says, into memory that is lent as any transport lends it. */
function slowServer() {
  let intake: BodyIntake | undefined
  let isAborted = false
  const exchange = (receiver: BodyReceiver, signal: AbortSignal): Exchange => {
    const body = new BodyIntake(receiver, {starved: () => {}, fed: () => {}, tellsAtOnce: () => false})
    intake = body
    const finished = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        isAborted = true
        body.drop()
        reject(signal.reason)
      })
    })
    queueMicrotask(() => receiver.responded({status: 206, url: REQUEST.url, headers: []} as never))
    return {
      finished,
      resume: () => body.resume(),
      flush: () => body.flush(),
      get received() {
        return body.received
      },
    } as unknown as Exchange
  }
  const transport = {exchange: (_: unknown, receiver: BodyReceiver, signal: AbortSignal) => exchange(receiver, signal)}
  return {
    transport: transport as unknown as Transport,
    send: (bytes: number) => intake?.take(Buffer.alloc(bytes, 'x')),
    get isAborted() {
      return isAborted
    },
  }
}

function connectionTo(transport: Transport, reception: Reception): Connection {
  return new Connection({
    transport,
    connected: () => {},
    redirected: () => {},
    challenged: () => {},
    login: new Logins({secrets: {} as Secrets, random: {} as Random}).of(REQUEST, REQUEST),
    headersFor: () => [],
    responded: () => reception,
  })
}

/** `hasRoom`: whether memory can be lent. */
async function receiving(hasRoom = () => true) {
  const server = slowServer()
  let written = 0
  const writer = {
    base: 0,
    lend: () => (hasRoom() ? Buffer.alloc(LENT) : undefined),
    filled: (_: Buffer, length: number) => {
      written += length
    },
    release: () => {},
  } as unknown as BodyWriter
  const connection = connectionTo(server.transport, {kind: 'receive', writer, bodyEnd: BODY})
  const ended = connection.run(REQUEST)
  await Promise.resolve()
  return {server, connection, ended, written: () => written}
}

describe('a stretch that another connection took the rear of', () => {
  it('ends with its last byte, and not when the memory is full that it is read into', async () => {
    const {server, connection, ended, written} = await receiving()
    server.send(100)
    connection.endAt(150)
    expect(server.isAborted).toBe(false)
    server.send(100)
    expect(await ended).toMatchObject({kind: 'receive'})
    expect([written(), connection.position, server.isAborted]).toEqual([150, 150, true])
  })

  it('ends at once where all of it has come', async () => {
    const {server, connection, ended, written} = await receiving()
    server.send(LENT + 100)
    connection.endAt(LENT + 50)
    await ended
    expect(written()).toBe(LENT + 50)
  })

  it('ends when there is memory for what has come of it, and not with what comes behind it', async () => {
    let hasRoom = false
    const {server, connection, ended, written} = await receiving(() => hasRoom)
    server.send(100)
    connection.endAt(100)
    await Promise.resolve()
    hasRoom = true
    connection.resume()
    await ended
    expect(written()).toBe(100)
  })
})

describe('an answer whose end is not waited for', () => {
  it('decides by its head, also while what it decided is being told', async () => {
    const {transport} = slowServer()
    const error = new TransferError('HTTP_STATUS', 'the server refused')
    const connection = connectionTo(transport, {kind: 'fail', error})
    const ended = connection.run(REQUEST)
    expect(connection.conclude()).toBe(false)
    await Promise.resolve()
    expect(connection.conclude()).toBe(true)
    await expect(ended).rejects.toBe(error)
    expect(connection.conclude()).toBe(true)
  })

  it('decides nothing while a body is received', async () => {
    const {connection, server} = await receiving()
    expect([connection.conclude(), server.isAborted]).toEqual([false, false])
  })
})
