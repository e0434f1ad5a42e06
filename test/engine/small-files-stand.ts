/** Worlds with a batch of small files, whole files and redirects in them, and questions about who carries what. */

import {expect} from 'vitest'
import {createKeySecrets} from '../../src/adapters/secrets/key-secrets.ts'
import type {OperationDraft} from '../../src/engine/engine-api.ts'
import type {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import type {EngineOptions} from '../../src/engine/options.ts'
import {contentOf} from '../support/content.ts'
import type {SimulatedResource} from '../support/simulated-network.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

export const SIZE = 5000

/** Bytes. More than are held in memory: it is written while it comes. */
export const WRITTEN_SIZE = 1_000_000

/** Where the address of the n-th file leads, one after the other, before its bytes come; the first is its own. */
export const CHAINS = {
  none: (n: number) => [urlOf(n)],
  sameOrigin: (n: number) => [urlOf(n), `http://files.example/moved/${n}`],
  anotherOrigin: (n: number) => [urlOf(n), `http://elsewhere.example/at/name-${n}?key=secret`],
  twoHops: (n: number) => [urlOf(n), `http://elsewhere.example/${n}`, `http://files.example/back/${n}`],
  toTls: (n: number) => [urlOf(n), `https://user:word@elsewhere.example/${n}#part`],
  loop: (n: number) => [urlOf(n), `http://elsewhere.example/${n}`, urlOf(n)],
  fromTls: (n: number) => [`https://files.example/${n}`, `http://elsewhere.example/${n}`],
  toAnotherScheme: (n: number) => [urlOf(n), `ftp://elsewhere.example/${n}`],
  nowhere: (n: number) => [urlOf(n), ''],
}

/** What is asked for at last: without what no request has. */
export function asked(address: string): string {
  return address.replace('user:word@', '').replace('#part', '')
}

export function serve(world: SimulatedWorld, chain: readonly string[], resource: SimulatedResource): void {
  for (const [at, url] of chain.entries()) {
    const redirect = chain[at + 1]
    if (redirect !== undefined) world.network.serve(url, {...resource, redirect})
    else if (at === 0 || url !== chain[0]) world.network.serve(asked(url), resource)
  }
}

/** Some of it is told to the server of the operation's own address only. */
const SEALED = createKeySecrets(Buffer.alloc(32, 7)).seal(
  JSON.stringify([
    ['Authorization', 'Bearer x'],
    ['X-Api-Key', 'k'],
  ]),
)

export function withSecrets(draft: OperationDraft): OperationDraft {
  return {...draft, request: {...draft.request, headers: [['X-Open', 'o']], sealed: SEALED}}
}

export async function worldOf(
  files: number,
  smallFilesAfter = 0,
  resource: Partial<SimulatedResource> = {},
  engine: EngineOptions = {},
) {
  const settings = {maxConcurrentTransfers: 4, retryDelayMs: 100, ...engine}
  const world = new SimulatedWorld({engine: settings, smallFilesAfter})
  for (let n = 1; n <= files; n++) world.network.serve(urlOf(n), {seed: n, size: SIZE, ...resource})
  await world.open()
  return world
}

export async function start(world: SimulatedWorld, n: number): Promise<OperationEntry> {
  const [entry] = await world.until(world.engine.start([world.draft(n)]))
  if (entry === undefined) throw new Error('nothing was started')
  await world.settle()
  return entry
}

export const fileOf = (world: SimulatedWorld, {record}: OperationEntry) =>
  world.disk.readFile(record.resultFile ?? record.target.file)

export async function expectWhole(world: SimulatedWorld, entry: OperationEntry, seed: number, size = SIZE) {
  await world.until(() => entry.isOver)
  expect(entry.record).toMatchObject({state: 'completed', evidence: {total: size, ranges: [[0, size]]}})
  // Comparing one byte after the other takes seconds for a mebibyte.
  expect(fileOf(world, entry)?.equals(contentOf(seed, size)), `the bytes of ${seed}`).toBe(true)
  await world.until(() => !entry.isLive)
}

/** Says whether it was carried at each of its steps so far. */
export function watchOver(world: SimulatedWorld, entry: OperationEntry): () => boolean {
  let isCarried = entry.actor === undefined
  world.engine.events$.subscribe(() => {
    isCarried &&= entry.actor === undefined
  })
  return () => isCarried
}

/** The ranges that were asked for of the n-th file, in order; undefined where all of it was. */
export function rangesAsked(world: SimulatedWorld, n: number): readonly (string | undefined)[] {
  return world.network.notes
    .filter(({request}) => request.url === urlOf(n))
    .map(({request}) => request.headers.find(([name]) => name.toLowerCase() === 'range')?.[1])
}
