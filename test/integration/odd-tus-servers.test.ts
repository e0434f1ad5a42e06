/** Resumable uploads to servers that say what cannot be, or take next to nothing: no success over bytes that never went out, no storm. */

import {writeFile} from 'node:fs/promises'
import {describe, expect, it} from 'vitest'
import {contentOf} from '../support/content.ts'
import {SinkServer} from '../support/sink-server.ts'
import {failure, makeWorld, onCleanup} from './harness.ts'

const SIZE = 300_000
const PART = 100_000

/** What a server says in its place; what it says by itself is undefined. `offset`: what it has by its own account. */
type Saying = (
  method: string,
  state: {offset: number; readonly patches: number; readonly heads: number},
) => readonly [status: number, offset?: number | string] | 'reset' | undefined

async function makeBench(saying: Saying, protocol = 'tus', retries = 3) {
  const world = await makeWorld({retryDelayMs: 1, retries})
  const sink = await SinkServer.start()
  onCleanup(() => sink.close())
  const state = {offset: 0, patches: 0, heads: 0}
  const waits: string[] = []
  sink.script = (request, response, {method}) => {
    const chunks: Buffer[] = []
    if (method === 'PATCH') state.patches += 1
    if (method === 'HEAD') state.heads += 1
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const said = saying(method, state)
      if (said === 'reset') {
        request.socket.destroy()
        return
      }
      if (method === 'PATCH' && said === undefined) state.offset += Buffer.concat(chunks).length
      const created = method === 'POST' ? {Location: '/up'} : {'Accept-Patch': 'application/partial-upload'}
      const [status, offset = state.offset] = said ?? [method === 'POST' ? 201 : 204]
      const isWhole = offset === SIZE ? {'Upload-Complete': '?1'} : {}
      response
        .writeHead(status, {'Tus-Resumable': '1.0.0', 'Upload-Offset': String(offset), ...created, ...isWhole})
        .end()
    })
    return 'takeOver'
  }
  world.engine.events$.subscribe((event) => {
    if (event.type === 'operation.moved' && event.to === 'running.waitingToRetry') waits.push(event.id)
  })
  const source = world.file('source')
  await writeFile(source, contentOf(1, SIZE))
  const upload = (partBytes?: number) =>
    world.engine
      .createUploader()
      .createUpload(sink.url('/files'), source, {protocol, ...(partBytes === undefined ? {} : {partBytes})})
  return {upload, waits, methods: () => sink.arrivals.map(({method}) => method)}
}

describe('a server that lies about what it has', () => {
  it.each(['tus', 'httpbis-9'])('is not believed to have more than was ever sent to it: %s', async (protocol) => {
    const bench = await makeBench(
      (method) => (method === 'PATCH' ? 'reset' : method === 'HEAD' ? [204, SIZE] : undefined),
      protocol,
    )
    expect(await failure(bench.upload(PART).startAsync())).toMatchObject({
      code: 'INVALID_RESPONSE',
      message: 'the server says that it has more than it was sent',
    })
  })

  it.each(['tus', 'httpbis-9'])(
    'may fall behind what it said, and have what it was sent after all: %s',
    async (protocol) => {
      const bench = await makeBench((method, state) => {
        if (method === 'PATCH' && state.patches === 2) {
          state.offset = 2 * PART
          return 'reset'
        }
        return method === 'HEAD' && state.heads === 1
          ? [204, 0]
          : method === 'PATCH' && state.patches === 3
            ? [409]
            : undefined
      }, protocol)
      await bench.upload(PART).startAsync()
      expect(bench.methods().slice(2)).toEqual(['PATCH', 'PATCH', 'HEAD', 'PATCH', 'HEAD', 'PATCH'])
    },
  )
})

describe('a tus server that takes next to nothing', () => {
  it.each([0, 3])(
    'is not sent the rest again at once for each crumb, and not for ever: %i retries',
    async (retries) => {
      const takeCrumb: Saying = (method, state) => {
        if (method !== 'PATCH') return undefined
        state.offset += 10
        return [204, state.offset]
      }
      const bench = await makeBench(takeCrumb, 'tus', retries)
      expect(await failure(bench.upload().startAsync())).toMatchObject({
        code: 'INVALID_RESPONSE',
        message: expect.stringMatching(/^the server took 10 of \d+ bytes$/),
      })
      expect(bench.methods().filter((method) => method === 'PATCH')).toHaveLength(50)
      expect(bench.waits).toHaveLength(49)
    },
  )

  it('is sent the rest in the end where nothing is retried', async () => {
    const bench = await makeBench(
      (method, state) => {
        if (method !== 'PATCH' || state.patches > 3) return undefined
        state.offset += 10
        return [204, state.offset]
      },
      'tus',
      0,
    )
    await bench.upload().startAsync()
    expect(bench.methods().filter((method) => method === 'PATCH')).toHaveLength(4)
  })

  it('is not asked for ever that takes nothing at all', async () => {
    const bench = await makeBench((method) => (method === 'PATCH' ? [204, 0] : undefined), 'tus', 0)
    expect(await failure(bench.upload().startAsync())).toMatchObject({code: 'INVALID_RESPONSE'})
    expect(bench.methods()).toEqual(['OPTIONS', 'POST', 'PATCH'])
  })

  it('but more at a time is sent the rest as it takes it', async () => {
    const bench = await makeBench((method, state) => {
      if (method !== 'PATCH') return undefined
      state.offset += PART
      return [204, state.offset]
    })
    await bench.upload().startAsync()
    expect(bench.methods()).toEqual(['OPTIONS', 'POST', 'PATCH', 'PATCH', 'PATCH'])
  })

  it.each([409, 423])('is asked again that answers %i to the question how much it has', async (status) => {
    const bench = await makeBench((method, {patches, heads}) => {
      if (method === 'PATCH' && patches === 1) return 'reset'
      return method === 'HEAD' && heads === 1 ? [status] : undefined
    })
    await bench.upload().startAsync()
    expect(bench.methods()).toEqual(['OPTIONS', 'POST', 'PATCH', 'HEAD', 'HEAD', 'PATCH'])
  })
})
