/**
 * The rows of docs/benchmarks.md: what is fetched, by which programs, and what ours must reach against them.
 *
 * A program is `{name, command(run)}`; `run` has `out` (an empty directory), `store` and the servers. A row with a `unit` shows the
 * number that its programs print. A target is `[ours, peer, figure, bound]`: the median over the rounds of `speed` (peer's wall
 * over ours: at least) or `cpu` (ours over the peer's: at most); without a peer, of a figure of ours (at most). `bareNode` and
 * `bareC` say which programs stand for ours where nothing but the work itself is to be compared.
 */

import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'

/** Another `bgt`, and a smaller gibibyte, are for the smoke test. */
const BGT = process.env.BENCH_BGT ?? fileURLToPath(new URL('../../dist/src/cli/bgt.cjs', import.meta.url))
const TUS_JS = fileURLToPath(new URL('./tus-js.mjs', import.meta.url))
const PROGRESS = fileURLToPath(new URL('./progress-load.mjs', import.meta.url))
const NODE_LOOPS = fileURLToPath(new URL('./node-loops.mjs', import.meta.url))
const UNDICI = fileURLToPath(new URL('./plain-undici.mjs', import.meta.url))
export const GIB = Number(process.env.BENCH_GIB ?? 1024 ** 3)
/** Of one large transfer, whatever its size. */
const MOST_MIB = 110

const bgt = (run, ...args) => [process.execPath, BGT, ...args, '--store', run.store, '--quiet']
const get = (run, url, ...args) => bgt(run, 'get', url, '-o', join(run.out, 'file'), ...args)

const ours = (of, ...args) => ({name: 'bgt', command: (run) => get(run, of(run), ...args)})
/** The same without waiting for the disk. */
const inProcess = ({name, command}) => ({
  name: `${name}, process`,
  command: (run) => [...command(run), '--durability', 'process'],
})
const oursInProcess = (of) => inProcess(ours(of))
const curl = (of, ...args) => ({
  name: 'curl',
  needs: 'curl',
  command: (run) => ['curl', '-sS', ...args, '-o', join(run.out, 'file'), of(run)],
})
const aria2 = (of, connections, ...args) => ({
  name: `aria2c -x${connections}`,
  needs: 'aria2c',
  command: (run) => [
    ...['aria2c', '-q', `-x${connections}`, `-s${connections}`, '-k1M', '--file-allocation=none', ...args],
    ...['-d', run.out, '-o', 'file', of(run)],
  ],
})
const undici = (of) => ({
  name: 'undici pipeline',
  command: (run) => [process.execPath, UNDICI, '1', run.out, of(run)],
})
const loop = (path, bytes) => ({
  name: 'C loop',
  needs: 'receive-loop',
  command: (run) => [
    run.native['receive-loop'],
    new URL(run.nginx.plain).port,
    path,
    join(run.out, 'file'),
    `${bytes}`,
  ],
})
/** What Node.js reaches with nothing but the calls that the row cannot do without. */
const nodeLoop = (argsOf) => ({
  name: 'Node.js loop',
  command: (run) => [process.execPath, NODE_LOOPS, ...argsOf(run)],
})
const nodeReceives = nodeLoop((run) => ['receive', one(run), join(run.out, 'file')])
/** The same, and then the file on the disk. */
const synced = (program) => ({
  ...program,
  name: `${program.name} and fsync`,
  command: (run) => ['sh', '-c', '"$@" && sync "$0"', join(run.out, 'file'), ...program.command(run)],
})

const plain = (name) => (run) => `${run.nginx.plain}/${name}`
const one = plain('1g')
const four = plain('4g')
const tls = (run) => `${run.nginx.tls}/1g`
const capped = (run) => `${run.nginx.capped}/1g`
const slow = (run) => `${run.nginx.slow}/64m`

const putOfSink = {
  name: 'bgt',
  command: (run) => bgt(run, 'put', join(run.www, '1g'), run.sink.url, '--method', 'PUT'),
}
const putByTus = {name: 'bgt', command: (run) => bgt(run, 'put', join(run.www, '256m'), run.tus.url, '--tus')}

/** Large files at once, each at its rate, so that all of them are active until the end. */
const several = (count) => ({
  name: `bgt, ${count} at once`,
  command: (run) => {
    const list = join(run.scratch, 'list.several')
    const urls = Array.from({length: count}, (_, n) => `${run.nginx.capped}/64m?${n}`)
    writeFileSync(list, `${urls.map((url, n) => `${url}\t${n}`).join('\n')}\n`)
    return bgt(run, 'get', '-i', list, '-d', run.out, '--max-concurrent', `${count}`)
  },
})
const FURTHER = 15

/** A LIST of `count` files of a directory of the server, in the form that each program reads. */
function listed(directory, count) {
  const urls = (run) => Array.from({length: count}, (_, n) => `${run.nginx.plain}/${directory}/${n}`)
  const list = (run, name, lines) => {
    const file = join(run.scratch, name)
    writeFileSync(file, `${lines.join('\n')}\n`)
    return file
  }
  const mine = (name, ...args) => ({
    name,
    command: (run) =>
      bgt(run, 'get', '-i', list(run, 'list.bgt', urls(run)), '-d', run.out, '--max-concurrent', '16', ...args),
  })
  return [
    mine('bgt'),
    mine('bgt, process', '--durability', 'process'),
    {
      name: 'curl --parallel 16',
      needs: 'curl',
      command: (run) => {
        const lines = urls(run).map((url, n) => `url = "${url}"\noutput = "${join(run.out, String(n))}"`)
        return ['curl', '-sS', '--parallel', '--parallel-max', '16', '-K', list(run, 'list.curl', lines)]
      },
    },
    {
      name: 'aria2c -j16',
      needs: 'aria2c',
      command: (run) => [
        'aria2c',
        '-q',
        '-j16',
        '--file-allocation=none',
        '-d',
        run.out,
        '-i',
        list(run, 'list.aria2', urls(run)),
      ],
    },
    {
      name: 'undici pipeline ×16',
      command: (run) => [
        'sh',
        '-c',
        '"$@" < "$0"',
        list(run, 'list.undici', urls(run)),
        process.execPath,
        UNDICI,
        '16',
        run.out,
        '-',
      ],
    },
    {
      name: 'Node.js loop',
      command: (run) => [
        ...['sh', '-c', '"$@" < "$0"', list(run, 'list.node', urls(run))],
        ...[process.execPath, NODE_LOOPS, 'list', '16', run.out],
      ],
    },
  ]
}

function againstBoth(curlSpeed, aria2Speed, more = []) {
  const aria2s = ['aria2c -x1', 'aria2c -x16']
  return ['bgt', 'bgt, process'].flatMap((mine) => [
    [mine, 'curl', 'speed', curlSpeed],
    ...aria2s.map((peer) => [mine, peer, 'speed', aria2Speed]),
    ...more.map(([peer, figure, bound]) => [mine, peer, figure, bound]),
    [mine, undefined, 'peak MiB', MOST_MIB],
  ])
}

export const ROWS = [
  {
    id: '1g-tmpfs',
    title: '1 GiB over HTTP, to tmpfs',
    bytes: GIB,
    to: 'tmpfs',
    programs: [
      ours(one),
      oursInProcess(one),
      curl(one),
      aria2(one, 1),
      aria2(one, 16),
      undici(one),
      loop('/1g', GIB),
      nodeReceives,
    ],
    targets: againstBoth(1.25, 1.6, [['curl', 'cpu', 0.9]]),
    bareNode: {bgt: 'Node.js loop'},
    bareC: {bgt: 'C loop'},
  },
  {
    id: '4g-tmpfs',
    title: '4 GiB over HTTP, to tmpfs',
    bytes: 4 * GIB,
    to: 'tmpfs',
    programs: [ours(four), oursInProcess(four), curl(four), aria2(four, 1), aria2(four, 16), loop('/4g', 4 * GIB)],
    targets: againstBoth(1.4, 1.75, [['C loop', 'speed', 0.8]]),
    bareC: {bgt: 'C loop'},
  },
  {
    id: '1g-disk',
    title: '1 GiB over HTTP, to the disk',
    bytes: GIB,
    to: 'disk',
    programs: [
      ours(one),
      oursInProcess(one),
      curl(one),
      aria2(one, 1),
      synced(curl(one)),
      synced(aria2(one, 1)),
      loop('/1g', GIB),
      nodeReceives,
    ],
    targets: [
      ['bgt, process', 'curl', 'speed', 1.5],
      ['bgt, process', 'aria2c -x1', 'speed', 2.3],
      ['bgt', 'curl and fsync', 'speed', 1.2],
      ['bgt', 'aria2c -x1 and fsync', 'speed', 1.2],
    ],
    bareNode: {'bgt, process': 'Node.js loop'},
    bareC: {'bgt, process': 'C loop'},
  },
  {
    id: '1g-tls',
    title: '1 GiB over TLS 1.3, to tmpfs',
    bytes: GIB,
    to: 'tmpfs',
    trustsCertificate: true,
    programs: [
      ours(tls),
      oursInProcess(tls),
      {
        name: 'curl',
        needs: 'curl',
        command: (run) => [
          'curl',
          '-sS',
          '--http1.1',
          '--cacert',
          run.nginx.certificate,
          '-o',
          join(run.out, 'file'),
          tls(run),
        ],
      },
      {
        name: 'aria2c -x1',
        needs: 'aria2c',
        command: (run) => [
          'aria2c',
          '-q',
          '-x1',
          '--file-allocation=none',
          `--ca-certificate=${run.nginx.certificate}`,
          '-d',
          run.out,
          '-o',
          'file',
          tls(run),
        ],
      },
      undici(tls),
    ],
    targets: ['bgt', 'bgt, process'].flatMap((mine) => [
      [mine, 'curl', 'speed', 1],
      [mine, 'aria2c -x1', 'speed', 1.1],
    ]),
  },
  {
    id: 'capped',
    title: '1 GiB, each connection held to 20 MiB/s, to tmpfs',
    bytes: GIB,
    to: 'tmpfs',
    programs: [
      ...[16, 32].flatMap((count) => {
        const mine = {...ours(capped, '--connections', `${count}`), name: `bgt ×${count}`}
        return [mine, inProcess(mine)]
      }),
      aria2(capped, 16),
      ...[16, 32].map((count) => ({
        ...nodeLoop((run) => ['ranges', `${count}`, `${GIB}`, capped(run), join(run.out, 'file')]),
        name: `Node.js loop ×${count}`,
      })),
    ],
    targets: [
      ['bgt ×16', 'aria2c -x16', 'speed', 1],
      ['bgt ×16, process', 'aria2c -x16', 'speed', 1],
      ['bgt ×32', 'aria2c -x16', 'speed', 1.6],
      ['bgt ×32, process', 'aria2c -x16', 'speed', 1.6],
    ],
    bareNode: {'bgt ×16': 'Node.js loop ×16', 'bgt ×32': 'Node.js loop ×32'},
  },
  {
    id: 'slow-connections',
    title: '64 MiB, each connection held to 512 KiB/s, to tmpfs',
    bytes: GIB / 16,
    source: '64m',
    to: 'tmpfs',
    programs: [
      ...[16, 32].map((count) => ({...ours(slow, '--connections', `${count}`), name: `bgt ×${count}`})),
      aria2(slow, 16),
    ],
    targets: [],
  },
  {
    id: 'ranges-uncapped',
    title: '1 GiB from a server without a cap, up to 16 connections allowed, to tmpfs',
    bytes: GIB,
    to: 'tmpfs',
    programs: [{...ours(one, '--connections', '16'), name: 'bgt ×16'}, ours(one)],
    targets: [['bgt ×16', 'bgt', 'speed', 0.95]],
  },
  {
    id: '10k-small',
    title: '10,000 files of 16 KiB, 16 at once, to tmpfs',
    files: 10_000,
    to: 'tmpfs',
    programs: listed('small', 10_000),
    targets: ['bgt', 'bgt, process'].flatMap((mine) => [
      [mine, 'curl --parallel 16', 'speed', 0.5],
      [mine, 'aria2c -j16', 'speed', 1.5],
    ]),
    bareNode: {bgt: 'Node.js loop'},
  },
  {
    id: '30k-small',
    title: '30,000 files of 16 KiB, 16 at once, to tmpfs',
    files: 30_000,
    to: 'tmpfs',
    programs: listed('small', 30_000),
    targets: ['bgt', 'bgt, process'].flatMap((mine) => [
      [mine, 'curl --parallel 16', 'speed', 0.5],
      [mine, 'aria2c -j16', 'speed', 1.5],
    ]),
    bareNode: {bgt: 'Node.js loop'},
  },
  {
    id: '1k-medium',
    title: '1,000 files of 1 MiB, 16 at once, to tmpfs',
    files: 1000,
    directory: 'medium',
    fills: GIB,
    to: 'tmpfs',
    programs: listed('medium', 1000),
    targets: [],
  },
  {
    id: 'upload',
    title: '1 GiB PUT to a sink that discards',
    bytes: GIB,
    to: 'tmpfs',
    needs: 'sink',
    programs: [
      putOfSink,
      inProcess(putOfSink),
      {name: 'curl', needs: 'curl', command: (run) => ['curl', '-sS', '-T', join(run.www, '1g'), run.sink.url]},
      {
        name: 'C loop',
        needs: 'send-loop',
        command: (run) => [run.native['send-loop'], new URL(run.sink.url).port, '/file', join(run.www, '1g')],
      },
      nodeLoop((run) => ['send', join(run.www, '1g'), run.sink.url]),
    ],
    targets: ['bgt', 'bgt, process'].flatMap((mine) => [
      [mine, 'curl', 'speed', 0.95],
      [mine, undefined, 'peak MiB', MOST_MIB],
    ]),
    bareNode: {bgt: 'Node.js loop'},
    bareC: {bgt: 'C loop'},
  },
  {
    id: 'tus',
    title: '256 MiB by tus, to @tus/server over files in memory',
    bytes: GIB / 4,
    to: 'tmpfs',
    programs: [
      putByTus,
      inProcess(putByTus),
      {name: 'tus-js-client', command: (run) => [process.execPath, TUS_JS, join(run.www, '256m'), run.tus.url]},
    ],
    targets: ['bgt', 'bgt, process'].map((mine) => [mine, 'tus-js-client', 'speed', 1.2]),
  },
  {
    id: 'checksum',
    title: '1 GiB over HTTP with --checksum sha256, to tmpfs',
    bytes: GIB,
    to: 'tmpfs',
    programs: [
      {
        name: 'bgt with sha256',
        command: (run) => get(run, one(run), '--checksum', `sha256=${run.digests['1g']}`),
      },
      ours(one),
      nodeReceives,
      {...nodeLoop((run) => ['digest', 'sha256', one(run), join(run.out, 'file')]), name: 'Node.js loop with sha256'},
    ],
    targets: [['bgt with sha256', 'bgt', 'speed', 0.9]],
    bareNode: {'bgt with sha256': 'Node.js loop with sha256', bgt: 'Node.js loop'},
  },
  {
    id: 'memory',
    title: `Memory of further transfers: 64 MiB each, held to 20 MiB/s, ${FURTHER + 1} at once`,
    bytes: ((FURTHER + 1) * GIB) / 16,
    further: FURTHER,
    to: 'tmpfs',
    programs: [several(FURTHER + 1), {...several(1), name: 'bgt, one of them'}],
    targets: [[`bgt, ${FURTHER + 1} at once`, 'bgt, one of them', 'MiB for each further', 4]],
  },
  {
    id: 'progress',
    title: 'Progress of 10,000 active operations, ten times a second',
    unit: '% of a core',
    to: 'tmpfs',
    programs: [
      ['batches', 'one subscriber of batches'],
      ['subscribers', 'a subscriber each'],
      ['readers', 'a subscriber each, which reads it'],
    ].map(([mode, name]) => ({name, command: (run) => [process.execPath, PROGRESS, mode, run.store]})),
    targets: [
      ['one subscriber of batches', undefined, '% of a core', 3],
      ['a subscriber each', undefined, '% of a core', 8],
      ['a subscriber each, which reads it', undefined, '% of a core', 8],
    ],
  },
  {
    id: 'version',
    title: '`bgt --version`',
    to: 'tmpfs',
    programs: [
      {name: 'bgt --version', command: () => [process.execPath, BGT, '--version']},
      {name: 'node -e 0', command: () => [process.execPath, '-e', '0']},
    ],
    targets: [['bgt --version', 'node -e 0', 'speed', 1 / 1.3]],
  },
]
