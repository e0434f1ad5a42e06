/**
 * The files that the inspector shows: the built page and the drawn charts. Both are named once, at the start, and only
 * those names are ever opened, so no path from outside reaches the disk.
 */

import {readdir, readFile} from 'node:fs/promises'
import {dirname, extname, join, sep} from 'node:path'
import {fileURLToPath} from 'node:url'

const PACKAGE_NAME = 'background-transfer'
const CHART_ENDING = '.chart.json'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
}

export interface PackageFiles {
  readonly version: string
  /** Names of the drawn charts. */
  readonly charts: readonly string[]
  /** The chart's JSON. */
  chart(machine: string): Promise<Buffer | undefined>
  /** Whether the page was built. */
  readonly hasPage: boolean
  /** `path`: of the request, such as /page.js. */
  page(path: string): Promise<{readonly type: string; readonly body: Buffer} | undefined>
}

/** The package is found from this module upwards: it lies in src when tested and in dist/src when installed. */
export async function findPackageFiles(start = ownDirectory()): Promise<PackageFiles> {
  const {root, version} = await findPackage(start)
  const page = await filesBelow(join(root, 'dist', 'inspector-page'))
  const charts = new Map<string, string>()
  for (const directory of [join(root, 'dist', 'visualizations'), join(root, 'visualizations')]) {
    for (const name of await namesIn(directory)) {
      if (name.endsWith(CHART_ENDING)) charts.set(name.slice(0, -CHART_ENDING.length), join(directory, name))
    }
  }
  return {
    version,
    charts: [...charts.keys()].sort(),
    chart: async (machine) => {
      const file = charts.get(machine)
      return file === undefined ? undefined : readFile(file)
    },
    hasPage: page.has('/index.html'),
    page: async (path) => {
      const file = page.get(path === '/' ? '/index.html' : path)
      if (file === undefined) return undefined
      return {type: TYPES[extname(file)] ?? 'application/octet-stream', body: await readFile(file)}
    },
  }
}

/** Of a bundle that is no ES module, nothing says where it lies. */
function ownDirectory(): string {
  return import.meta.url === undefined ? sep : dirname(fileURLToPath(import.meta.url))
}

async function findPackage(start: string): Promise<{root: string; version: string}> {
  for (let directory = start; ; directory = dirname(directory)) {
    const text = await readFile(join(directory, 'package.json'), 'utf8').catch(() => '{}')
    const {name, version}: {name?: unknown; version?: unknown} = JSON.parse(text)
    if (name === PACKAGE_NAME) return {root: directory, version: String(version)}
    // Bundled into another program: there are no files of ours beside it.
    if (dirname(directory) === directory) return {root: start, version: 'unknown'}
  }
}

async function filesBelow(directory: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(directory, {recursive: true, withFileTypes: true}).catch(() => [])
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(files.map((file) => [file.slice(directory.length).replaceAll('\\', '/'), file]))
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch(() => [])
}
