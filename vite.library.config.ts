/**
 * The library as a few files: starting it reads those instead of two hundred of ours. The packages that it needs stay where npm put
 * them. Each entry keeps its place and its types, and names what is here; they share their modules, so that a class is one class
 * everywhere. What is here lies two folders below dist/src, as the modules do that name a file beside them by their own address.
 */

import {mkdir, writeFile} from 'node:fs/promises'
import {dirname, join, relative, resolve} from 'node:path'
import {defineConfig, type Plugin} from 'vite'

/** Paths below src, without their ending. */
const ENTRIES = ['index', 'inspect', 'observe/otel', 'observe/prometheus', 'task/program']

/** What of rxjs is used, by the module that has it: its front door loads two hundred others, and these are the same objects. */
const RXJS: Readonly<Record<string, readonly string[]>> = {
  '': ['BehaviorSubject', 'Observable', 'ReplaySubject', 'Subject', 'Subscription', 'firstValueFrom'],
  'observable/': ['concat', 'defer', 'from', 'merge', 'of'],
  'operators/': ['distinctUntilChanged', 'filter', 'map', 'take'],
  'util/': ['isObservable'],
}

const onlyUsedRxjs: Plugin = {
  name: 'only-used-rxjs',
  enforce: 'pre',
  resolveId(id) {
    if (id === 'rxjs') return '\0rxjs'
    return id.startsWith('rxjs/internal/') ? {id, external: true} : null
  },
  load: (id) =>
    id === '\0rxjs'
      ? Object.entries(RXJS)
          .flatMap(([folder, names]) => names.map((name) => `export {${name}} from 'rxjs/internal/${folder}${name}'`))
          .join('\n')
      : null,
}

const entries: Plugin = {
  name: 'entries',
  async writeBundle({dir = ''}, bundle) {
    for (const name of ENTRIES) {
      const entry = resolve(dir, '..', '..', `${name}.js`)
      const output = Object.values(bundle).find((each) => each.type === 'chunk' && each.isEntry && each.name === name)
      if (output === undefined) throw new Error(`nothing was made of ${name}`)
      await mkdir(dirname(entry), {recursive: true})
      const way = relative(dirname(entry), join(dir, output.fileName)).replaceAll('\\', '/')
      await writeFile(entry, `export * from '${way.startsWith('.') ? way : `./${way}`}'\n`)
    }
  },
}

export default defineConfig({
  plugins: [onlyUsedRxjs, entries],
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'dist/src/library/modules',
    emptyOutDir: true,
    rollupOptions: {
      input: Object.fromEntries(ENTRIES.map((name) => [name, `src/${name}.ts`])),
      output: {
        format: 'es',
        // Comments take longer to read than what they are about. Names and lines stay: Node.js shows the line of what throws, and a
        // file of one line is all of it.
        comments: false,
        entryFileNames: ({name}) => `${name.replaceAll('/', '-')}.js`,
        chunkFileNames: '[name]-[hash].js',
      },
    },
  },
})
