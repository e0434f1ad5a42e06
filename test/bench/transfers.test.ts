/** The bench in short: that it runs, that what it fetches is right, and that it says what it measured. How fast is no matter here. */

import {execFile} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import {promisify} from 'node:util'
import {expect, it} from 'vitest'
import {buildCli} from '../support/built-cli.ts'
import {hasNginx} from '../support/nginx.ts'

const BENCH = fileURLToPath(new URL('./transfers.bench.mjs', import.meta.url))

const isThere = hasNginx()
const isRequired = process.env.BGT_REQUIRE_PEERS === '1'
if (!isThere && !isRequired) console.log('transfers.test.ts: left out, because nginx is not installed')

it.skipIf(!isThere && !isRequired)(
  'measures bgt against the peers that are there',
  async () => {
    expect(isThere, 'nginx is required and not installed').toBe(true)
    const cli = await buildCli()
    const env = {
      ...process.env,
      BENCH_BGT: cli.script,
      BENCH_GIB: String(4 * 1024 ** 2),
      XDG_CACHE_HOME: cli.cacheHome,
    }
    const args = [BENCH, '--only', '1g-tmpfs,checksum', '--rounds', '1']
    const {stdout} = await promisify(execFile)(process.execPath, args, {env})
    const lines = stdout.split('\n')
    for (const name of ['bgt', 'bgt, process', 'undici pipeline', 'bgt with sha256'])
      expect(lines.find((line) => line.startsWith(`| ${name} | `))).toMatch(/^\| .+ \| \d\S* \(\S+\) \| .+ \| .+ \|$/)
    expect(lines).toContainEqual(
      expect.stringMatching(/^\| bgt with sha256 \| bgt \| speed \| \d.* \| ≥ 0\.9 \| (yes|no) \|$/),
    )
  },
  120_000,
)
