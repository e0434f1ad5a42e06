/** A batch of small files on real sockets: bodies of every framing and size come whole, or again; whatever cuts them is no end. */

import {expect, it} from 'vitest'
import {contentOf, md5, sha256} from '../support/content.ts'
import type {Script} from '../support/faulty-script.ts'
import {digestOf, makeWorld, requestsFor, startServer, type World} from './harness.ts'

const MIB = 1024 * 1024

/** So many plain files of it make a server trusted. */
const TRUSTED_AFTER = 8

function download({engine, server, file}: World, n: number, script: Script | readonly Script[], checksum?: string) {
  server.route(`/${n}`, script)
  const wishes = checksum === undefined ? {} : {checksum: {algorithm: 'md5', hex: checksum} as const}
  return engine
    .createDownloader()
    .createDownload(server.url(`/${n}`), file(`${n}`), wishes)
    .startAsync()
}

async function worldOfTrust(framing: Script['framing'] & string): Promise<World> {
  const world = await makeWorld()
  for (let n = 0; n < TRUSTED_AFTER; n += 1) await download(world, n, {content: {seed: n, size: 1_000}, framing})
  return world
}

const SIZES = [0, 1, 1_000, 65_536, 200_000, 256 * 1024, 256 * 1024 + 1, 400_000, MIB, 3_000_000]

it.each(['length', 'chunked', 'close'] as const)(
  'brings files of every size, where the end is known by %s',
  async (framing) => {
    const world = await worldOfTrust(framing)
    const sizes = [...SIZES, ...SIZES]
    const all = sizes.map((size, at) => {
      const n = TRUSTED_AFTER + at
      return download(world, n, {content: {seed: n, size}, etag: `"${n}"`, framing, pieceBytes: 30_000})
    })
    await Promise.all(all)
    for (const [at, size] of sizes.entries()) {
      const n = TRUSTED_AFTER + at
      expect(await digestOf(world.file(`${n}`)), `${size} bytes`).toBe(sha256(contentOf(n, size)))
      expect(requestsFor(world.server, `/${n}`), `${size} bytes`).toHaveLength(1)
    }
  },
)

it.each(['chunked', 'close'] as const)(
  'goes on with a large file whose end is known by %s where it let go of it',
  async (framing) => {
    const world = await worldOfTrust(framing)
    const size = 12 * MIB
    await download(world, 100, {content: {seed: 100, size}, etag: '"1"', framing})
    expect(await digestOf(world.file('100'))).toBe(sha256(contentOf(100, size)))
    const [first, second, ...others] = requestsFor(world.server, '/100').map(({headers}) => headers.range)
    expect(first).toBeUndefined()
    expect(Number(/^bytes=(\d+)-$/.exec(second ?? '')?.[1])).toBeGreaterThan(8 * MIB)
    expect(others).toEqual([])
  },
)

it.each([
  {chunkedEnd: 'missing'},
  {chunkedEnd: 'noTrailerEnd'},
  {cutAfter: 50_000, cut: 'reset'},
  {cutAfter: 50_000, cut: 'fin'},
  {cutAfter: 700_000, cut: 'reset'},
  {cutAfter: 700_000, cut: 'fin'},
] as const)('takes no chunked body for whole that ends by %o', async (how) => {
  const world = await worldOfTrust('chunked')
  const whole: Script = {content: {seed: 100, size: MIB}, framing: 'chunked'}
  await download(world, 100, [{...whole, ...how}, whole])
  expect(await digestOf(world.file('100'))).toBe(sha256(contentOf(100, MIB)))
  expect(requestsFor(world.server, '/100').length).toBeGreaterThan(1)
})

it('gives no name to what its checksum is not that of, held in memory or written while it came', async () => {
  const world = await worldOfTrust('chunked')
  const sizes = [1_000, MIB]
  const checks = sizes.flatMap((size) => [md5(contentOf(1, size)), md5(contentOf(2, size))])
  const all = checks.map((checksum, n) =>
    download(world, 100 + n, {content: {seed: 1, size: sizes[n >> 1] ?? 0}, framing: 'chunked'}, checksum),
  )
  const outcomes = await Promise.allSettled(all)
  expect(outcomes.map(({status}) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected'])
  const names = await world.names()
  expect(names.filter((name) => name.startsWith('10') || name.startsWith('11'))).toEqual(['100', '102'])
  for (const n of [100, 101, 102, 103]) expect(requestsFor(world.server, `/${n}`)).toHaveLength(1)
})

it.each(['length', 'chunked', 'close'] as const)(
  'follows redirects of every kind to another origin, whatever body by %s they have, and tells it no secret',
  async (framing) => {
    const {engine, server, file, names} = await makeWorld()
    const other = await startServer()
    const statuses = [301, 302, 303, 307, 308]
    const size = (n: number) => SIZES[n % SIZES.length] ?? 0
    const count = TRUSTED_AFTER + 3 * SIZES.length
    const downloader = engine.createDownloader()
    downloader.setRequestHeader('Authorization', 'Bearer x')
    const get = async (n: number) => {
      const status = statuses[n % statuses.length] ?? 302
      server.route(`/${n}`, {status, location: other.url(`/at/${n}`), content: {seed: 1_000, size: 5_000}, framing})
      other.route(`/at/${n}`, {content: {seed: n, size: size(n)}, etag: `"${n}"`, pieceBytes: 30_000})
      const operation = downloader.createDownload(server.url(`/${n}`), file(`${n}`))
      await operation.startAsync()
      return operation
    }
    for (let n = 0; n < TRUSTED_AFTER; n += 1) await get(n)
    const rest = Array.from({length: count - TRUSTED_AFTER}, (_, n) => get(TRUSTED_AFTER + n))
    const operations = await Promise.all(rest)
    for (let n = 0; n < count; n += 1) {
      expect(await digestOf(file(`${n}`)), `file ${n}`).toBe(sha256(contentOf(n, size(n))))
      const [first, ...more] = requestsFor(server, `/${n}`)
      const [second, ...others] = requestsFor(other, `/at/${n}`)
      expect([first?.headers.authorization, second?.headers.authorization]).toEqual(['Bearer x', undefined])
      expect([more, others]).toEqual([[], []])
    }
    const answers = operations.map((operation) => operation.getResponseInformation()?.actualUri)
    expect(answers.map(String)).toEqual(operations.map((_, n) => other.url(`/at/${TRUSTED_AFTER + n}`)))
    expect(await names()).toHaveLength(count)
  },
)

it('takes nothing of a redirect for a file, wherever its body is cut', async () => {
  const world = await worldOfTrust('length')
  const {server} = world
  const content = {seed: 7, size: 400_000}
  for (const [n, how] of [{cutAfter: 0}, {cutAfter: 1_000}, {cutAfter: 100_000}, {}].entries()) {
    for (const cut of ['reset', 'fin'] as const) {
      const name = 200 + 2 * n + (cut === 'reset' ? 0 : 1)
      server.route(`/to/${name}`, {content: {seed: name, size: 3_000}})
      const script: Script = {status: 302, location: server.url(`/to/${name}`), content, ...how, cut}
      await download(world, name, script)
      expect(await digestOf(world.file(`${name}`))).toBe(sha256(contentOf(name, 3_000)))
    }
  }
})
