/** A batch of small files on real sockets: bodies of every framing and size come whole, or again; whatever cuts them is no end. */

import {expect, it} from 'vitest'
import {contentOf, md5, sha256} from '../support/content.ts'
import type {Script} from '../support/faulty-script.ts'
import {digestOf, makeWorld, requestsFor, type World} from './harness.ts'

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
