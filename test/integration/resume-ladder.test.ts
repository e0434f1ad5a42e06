/** The resume ladder on real sockets and files, rung by rung: what was asked, what it cost, and what came of it. */

import {describe, expect, it} from 'vitest'
import {createHttpTransport, type HttpTransportOptions} from '../../src/adapters/http/http-transport.ts'
import type {DownloadOperation, DownloadOptions} from '../../src/index.ts'
import {contentOf, sha256} from '../support/content.ts'
import type {ReceivedRequest, Script} from '../support/faulty-script.ts'
import {bytesSent, digestOf, makeWorld, onCleanup, rangesAsked, type World} from './harness.ts'

const SIZE = 1_000_003
const CUT = 370_001
const OVERLAP = 64 * 1024
const OLD = contentOf(1, SIZE)
const NEW = contentOf(2, SIZE)
const MODIFIED = 'Thu, 01 Jan 2015 00:00:00 GMT'
const DATE: readonly [string, string] = ['Date', 'Thu, 01 Jan 2026 00:00:00 GMT']
const WHOLE: Script = {content: OLD, etag: '"one"'}
const CUT_SHORT: Script = {...WHOLE, cutAfter: CUT, cut: 'fin'}

/** The ways that a body can take: read by us, through undici's parser, and past it. */
const PATHS = [
  ['plain', {undiciOnly: false}],
  ['parsed', {undiciOnly: true, directBodyThreshold: Number.POSITIVE_INFINITY}],
  ['direct', {undiciOnly: true, directBodyThreshold: 1}],
] as const

async function worldOn(way: HttpTransportOptions & {readonly undiciOnly: boolean}): Promise<World> {
  const transport = createHttpTransport(way, way)
  onCleanup(() => transport.close())
  return makeWorld({transport})
}

function download(world: World, options: DownloadOptions = {}, name = 'file'): DownloadOperation {
  return world.engine.createDownloader().createDownload(world.server.url(`/${name}`), world.file(name), options)
}

async function run(operation: DownloadOperation): Promise<{readonly restarts: number}> {
  const running = operation.startAsync()
  let restarts = 0
  running.progress$.subscribe(({progress}) => {
    if (progress.hasRestarted) restarts += 1
  })
  await running
  return {restarts}
}

describe.each(PATHS)('17.D the resume ladder, bodies %s', (_, way) => {
  it('80, 81. rung 1 asks for the first missing byte under If-Range, with the ETag byte for byte', async () => {
    const world = await worldOn(way)
    const etag = '"a\u00e9~!#,W/"'
    world.server.route('/file', [
      {...CUT_SHORT, etag},
      {...WHOLE, etag},
    ])
    expect(await run(download(world))).toEqual({restarts: 0})
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|${etag}`])
    expect(bytesSent(world.server, '/file')).toBe(SIZE)
    expect(await digestOf(world.file('file'))).toBe(sha256(OLD))
  })

  it('81. rung 1 takes a Last-Modified that is old enough', async () => {
    const world = await worldOn(way)
    const dated: Script = {content: OLD, lastModified: MODIFIED, headers: [DATE]}
    world.server.route('/file', [{...dated, cutAfter: CUT, cut: 'fin'}, dated])
    expect(await run(download(world))).toEqual({restarts: 0})
    expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|${MODIFIED}`])
  })

  it('82. without a validator it starts over, and says so', async () => {
    const world = await worldOn(way)
    world.server.route('/file', [{content: OLD, cutAfter: CUT, cut: 'fin'}, {content: OLD}])
    expect(await run(download(world))).toEqual({restarts: 1})
    expect(rangesAsked(world.server, '/file')).toEqual(['', ''])
    expect(await digestOf(world.file('file'))).toBe(sha256(OLD))
  })

  describe('story 6: If-Range is refused, and a plain Range is not', () => {
    const refusing = ({headers}: ReceivedRequest): Script => ({
      ...WHOLE,
      ...(headers['if-range'] === undefined ? {} : {ranges: 'ignore', headers: [['Accept-Ranges', 'bytes']]}),
    })

    it('finds out once, keeps what is there, and knows it for the whole origin', async () => {
      const world = await worldOn(way)
      const routes = ['file', 'other'].map((name) => {
        let asked = 0
        world.server.route(`/${name}`, (request) => {
          asked += 1
          return asked === 1 ? CUT_SHORT : refusing(request)
        })
        return name
      })
      for (const name of routes) {
        expect(await run(download(world, {}, name))).toEqual({restarts: 0})
        expect(await digestOf(world.file(name))).toBe(sha256(OLD))
      }
      expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|"one"`, `bytes=${CUT}-|`])
      expect(rangesAsked(world.server, '/other')).toEqual(['', `bytes=${CUT}-|`])
      expect(bytesSent(world.server, '/other')).toBe(SIZE)
    })

    it('mixes no versions: the answer to a plain Range is compared', async () => {
      const world = await worldOn(way)
      let asked = 0
      world.server.route('/file', (request) => {
        asked += 1
        if (asked === 1) return CUT_SHORT
        return asked === 2 ? refusing(request) : {content: NEW, etag: '"two"'}
      })
      expect(await run(download(world))).toEqual({restarts: 1})
      expect(await digestOf(world.file('file'))).toBe(sha256(NEW))
      expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|"one"`, `bytes=${CUT}-|`, ''])
    })

    it('84. takes the whole where Range is ignored after all, and does not look again', async () => {
      const world = await worldOn(way)
      const ignoring: Script = {...WHOLE, ranges: 'ignore', headers: [['Accept-Ranges', 'bytes']]}
      for (const name of ['file', 'other']) {
        world.server.route(`/${name}`, [CUT_SHORT, ignoring])
        expect(await run(download(world, {}, name))).toEqual({restarts: 1})
        expect(await digestOf(world.file(name))).toBe(sha256(OLD))
      }
      expect(rangesAsked(world.server, '/file').length).toBe(3)
      expect(rangesAsked(world.server, '/other').length).toBe(2)
    })
  })

  describe('story 7: no validator to trust, and the caller allows to compare', () => {
    const comparing: DownloadOptions = {resumeWithoutValidator: true}
    const again = `bytes=${CUT - OVERLAP}-|`

    it.each<[string, Script]>([
      ['no validator at all', {content: OLD}],
      ['a weak ETag', {content: OLD, etag: 'W/"x"'}],
      ['a Last-Modified that is too young', {content: OLD, lastModified: MODIFIED, headers: [['Date', MODIFIED]]}],
    ])('goes on, with %s, when the overlap is equal', async (_, script) => {
      const world = await worldOn(way)
      world.server.route('/file', [{...script, cutAfter: CUT, cut: 'fin'}, script])
      expect(await run(download(world, comparing))).toEqual({restarts: 0})
      expect(await digestOf(world.file('file'))).toBe(sha256(OLD))
      expect(rangesAsked(world.server, '/file')).toEqual(['', again])
      expect(bytesSent(world.server, '/file')).toBe(SIZE + OVERLAP)
    })

    it('starts over when the overlap differs', async () => {
      const world = await worldOn(way)
      world.server.route('/file', [{content: OLD, cutAfter: CUT, cut: 'fin'}, {content: NEW}])
      expect(await run(download(world, comparing))).toEqual({restarts: 1})
      expect(await digestOf(world.file('file'))).toBe(sha256(NEW))
      expect(rangesAsked(world.server, '/file')).toEqual(['', again, ''])
      expect(await world.names()).toEqual(['file'])
    })

    it('goes on past ETags that are each answer’s own, and knows the origin from then on', async () => {
      const world = await worldOn(way)
      let answers = 0
      const perEdge = (request: ReceivedRequest): Script => {
        answers += 1
        const script: Script = {content: OLD, etag: `"${answers}"`, lastModified: MODIFIED, headers: [DATE]}
        return request.headers.range === undefined ? {...script, cutAfter: CUT, cut: 'fin'} : script
      }
      for (const name of ['file', 'other']) {
        world.server.route(`/${name}`, perEdge)
        expect(await run(download(world, comparing, name))).toEqual({restarts: 0})
        expect(await digestOf(world.file(name))).toBe(sha256(OLD))
      }
      expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|"1"`, again])
      expect(rangesAsked(world.server, '/other')).toEqual(['', again])
    })

    it('starts over for a new ETag without a date, allowed or not', async () => {
      const world = await worldOn(way)
      world.server.route('/file', [CUT_SHORT, {content: OLD, etag: '"two"'}])
      expect(await run(download(world, comparing))).toEqual({restarts: 1})
      expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|"one"`])
    })
  })

  describe('comparing on each resume', () => {
    it('catches a server that changed the file under the same ETag', async () => {
      const world = await worldOn(way)
      world.server.route('/file', [CUT_SHORT, {content: NEW, etag: '"one"'}])
      expect(await run(download(world, {compareOnResume: true}))).toEqual({restarts: 1})
      expect(await digestOf(world.file('file'))).toBe(sha256(NEW))
      expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT - 1024}-|"one"`, ''])
    })

    it('costs a KiB where the file is the same', async () => {
      const world = await worldOn(way)
      world.server.route('/file', [CUT_SHORT, WHOLE])
      expect(await run(download(world, {compareOnResume: true}))).toEqual({restarts: 0})
      expect(bytesSent(world.server, '/file')).toBe(SIZE + 1024)
      expect(await digestOf(world.file('file'))).toBe(sha256(OLD))
    })
  })

  it('83. spends no try on answers that bring less than was asked for, however many there are', async () => {
    const world = await worldOn(way)
    const size = 4_000_000
    const pieceBytes = 64 * 1024
    const content = contentOf(3, size)
    world.server.route('/file', ({headers}) => {
      const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
      if (start === 0) return {content, etag: '"one"', cutAfter: 10_000, cut: 'fin'}
      const end = Math.min(size, start + pieceBytes)
      const contentRange = `bytes ${start}-${end - 1}/${size}`
      return {content: content.subarray(start, end), etag: '"one"', status: 206, ranges: 'ignore', contentRange}
    })
    expect(await run(download(world))).toEqual({restarts: 0})
    // More than one start has tries.
    expect(rangesAsked(world.server, '/file').length).toBe(1 + Math.ceil((size - 10_000) / pieceBytes))
    expect(await digestOf(world.file('file'))).toBe(sha256(content))
  })

  describe('answers that are never used', () => {
    const tail = OLD.subarray(CUT)
    const part: Script = {
      ...WHOLE,
      status: 206,
      ranges: 'ignore',
      content: tail,
      contentRange: `bytes ${CUT}-${SIZE - 1}/${SIZE}`,
    }
    const {etag: _etag, ...unnamed} = part
    it.each<[string, Script]>([
      ['83. starts later than asked', {...part, contentRange: `bytes ${CUT + 1}-${SIZE}/${SIZE + 1}`}],
      ['is multipart', {...part, headers: [['Content-Type', 'multipart/byteranges; boundary=x']]}],
      ['is coded', {...part, headers: [['Content-Encoding', 'gzip']]}],
      ['has no version', unnamed],
      ['has another total', {...part, contentRange: `bytes ${CUT}-${SIZE - 1}/${SIZE + 9}`}],
      ['has a total that no number holds', {...part, contentRange: `bytes ${CUT}-${SIZE - 1}/9007199254740993`}],
      ['lies where no number holds it', {...part, contentRange: `bytes ${2n ** 64n + BigInt(CUT)}-${2n ** 65n}/*`}],
      ['ends the chunks too early and says another length', {...part, contentLength: '7'}],
      ['is a 200 with a Content-Range', {...part, status: 200, headers: [['Content-Range', `bytes ${CUT}-9/*`]]}],
      ['85. is a 416', {status: 416, headers: [['Content-Range', `bytes */${CUT}`]]}],
    ])('starts over, once, when the answer %s', async (_, script) => {
      const world = await worldOn(way)
      world.server.route('/file', [CUT_SHORT, script, WHOLE])
      expect(await run(download(world))).toEqual({restarts: 1})
      expect(await digestOf(world.file('file'))).toBe(sha256(OLD))
      expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|"one"`, ''])
      expect(await world.names()).toEqual(['file'])
    })

    it.each<[string, Script]>([
      ['stops before the end', {content: tail.subarray(0, 9_000), contentRange: `bytes ${CUT}-${CUT + 8_999}/*`}],
      [
        'brings less than it says, in chunks',
        {content: tail.subarray(0, 9_000), framing: 'chunked', contentRange: `bytes ${CUT}-${SIZE - 1}/*`},
      ],
      ['brings all of it', {contentRange: `bytes ${CUT}-${SIZE - 1}/*`}],
    ])('83. takes no part for the rest that hides the size of a whole that nobody told: it %s', async (_, hiding) => {
      const world = await worldOn(way)
      const endless: Script = {...WHOLE, framing: 'chunked'}
      world.server.route('/file', [{...endless, cutAfter: CUT, cut: 'fin'}, {...part, ...hiding}, endless])
      expect(await run(download(world))).toEqual({restarts: 1})
      expect(await digestOf(world.file('file'))).toBe(sha256(OLD))
      expect(rangesAsked(world.server, '/file')).toEqual(['', `bytes=${CUT}-|"one"`, ''])
    })

    it('asks an origin whose parts are always wrong for nothing but the whole', async () => {
      const world = await worldOn(way)
      const moved: Script = {...part, contentRange: `bytes ${CUT + 1}-${SIZE}/${SIZE + 1}`}
      for (const name of ['a', 'b', 'c', 'd']) {
        let asked = 0
        world.server.route(`/${name}`, ({headers}) => {
          asked += 1
          if (headers.range !== undefined) return moved
          return asked === 1 ? CUT_SHORT : WHOLE
        })
        await run(download(world, {}, name))
        expect(await digestOf(world.file(name))).toBe(sha256(OLD))
      }
      expect(rangesAsked(world.server, '/c')).toEqual(['', `bytes=${CUT}-|"one"`, ''])
      expect(rangesAsked(world.server, '/d')).toEqual(['', ''])
    })
  })
})
