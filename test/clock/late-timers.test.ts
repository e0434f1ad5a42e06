/**
 * The system's clock after the process stood still, for a debugger, SIGSTOP or one long call: what came meanwhile is read before
 * anything is taken for silent.
 */

import {once} from 'node:events'
import {type AddressInfo, connect, createServer, type Socket} from 'node:net'
import {expect, onTestFinished, test} from 'vitest'
import {createSystemClock} from '../../src/adapters/clock/system-clock.ts'

const clock = createSystemClock()
const [DELAY_MS, STILL_MS] = [10, 200]

/** Both ends of a connection. */
async function connection(): Promise<readonly [Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [far] = (await accepted) as [Socket]
  onTestFinished(() => {
    for (const each of [near, far]) each.destroy()
    server.close()
  })
  await Promise.all([near, far].map((each) => (each.connecting ? once(each, 'connect') : undefined)))
  return [near, far]
}

function standStill(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STILL_MS)
}

test.each([
  ['at once', (tell: () => void) => tell()],
  ['by an immediate, as what is gathered for a turn', (tell: () => void) => setImmediate(tell)],
] as const)('a timer that is late fires after what came before it is read, and told %s', async (_, toTell) => {
  const [near, far] = await connection()
  const order: string[] = []
  near.on('data', (bytes) => toTell(() => order.push(String(bytes))))
  const fired = new Promise<void>((resolve) => {
    clock.setTimeout(() => {
      order.push('timer')
      resolve()
    }, DELAY_MS)
  })
  far.write('came')
  standStill()
  await fired
  expect(order).toEqual(['came', 'timer'])
})

test('a timer that is late does not fire where what is read clears it, nor where another late one does', async () => {
  const [near, far] = await connection()
  const fired: string[] = []
  const handle = clock.setTimeout(() => fired.push('silence'), DELAY_MS)
  near.on('data', () => clock.clearTimeout(handle))
  clock.setTimeout(() => {
    fired.push('pulse')
    clock.clearTimeout(other)
  }, DELAY_MS)
  const other = clock.setTimeout(() => fired.push('other'), 2 * DELAY_MS)
  const after = new Promise<void>((resolve) => {
    clock.setTimeout(resolve, 3 * DELAY_MS)
  })
  far.write('came')
  standStill()
  await after
  expect(fired).toEqual(['pulse'])
})

test.each([true, false])('timers that are late fire in their order, whoever is held: %s', async (isHeld) => {
  const order: number[] = []
  const last = new Promise<void>((resolve) => {
    // The last of them is hardly late.
    for (const at of [18, 1, 2]) {
      const handle = clock.setTimeout(() => {
        order.push(at)
        if (at === 18) resolve()
      }, at * DELAY_MS)
      clock.hold?.(handle, isHeld)
    }
  })
  standStill()
  await last
  expect(order).toEqual([1, 2, 18])
})
