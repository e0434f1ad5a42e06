/**
 * The command as a few scripts, which src/cli/load-bundle.ts loads: what any command needs, what every transfer needs, and one for
 * each part that is loaded when it is asked for. Starting it reads two or three of them instead of four hundred modules. They lie two
 * folders below dist/src, as the modules do that name a file beside them by their own address.
 */

import {defineConfig, type Plugin} from 'vite'

/** What is loaded late is required: a script that V8 kept has lost whom to ask for an `import()`. Rejects as that would. */
function required(code: string): string {
  return code.replace(/\bimport\((["'`])([\w@/-]+)\1\)/g, 'new Promise((resolve) => resolve(require("$2")))')
}

/** A script whose value is the module's function, in ASCII: V8 keeps compiled scripts, and reads ASCII without decoding. */
const asScript: Plugin = {
  name: 'as-script',
  generateBundle(_, bundle) {
    for (const output of Object.values(bundle)) {
      if (output.type !== 'chunk') continue
      const ascii = required(output.code).replace(
        /[^\0-\x7f]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
      output.code = `(function (exports, require, module, __filename, __dirname) {${ascii}\n})\n`
    }
  },
}

/** The native part stays where npm put it: beside classic-level, which only `level` is sure to see. What finds it there comes along. */
const nativePart: Plugin = {
  name: 'native-part',
  enforce: 'pre',
  load: (id) =>
    id.endsWith('/classic-level/binding.js')
      ? `const beside = require('node:module').createRequire(require.resolve('level'))
         module.exports = require('node-gyp-build/node-gyp-build.js')(
           require('node:path').dirname(beside.resolve('classic-level/package.json')),
         )`
      : null,
}

/** Connections are made with `allowH2: false`; Node.js's http2 would be loaded for nothing. */
const onlyHttp1: Plugin = {
  name: 'only-http1',
  enforce: 'pre',
  load: (id) => (id.endsWith('/undici/lib/dispatcher/client-h2.js') ? 'module.exports = undefined' : null),
}

export default defineConfig({
  plugins: [asScript, nativePart, onlyHttp1],
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'dist/src/cli/bundle',
    emptyOutDir: true,
    minify: true,
    rollupOptions: {
      input: {main: 'src/cli/main.ts'},
      output: {
        format: 'cjs',
        entryFileNames: '[name].js',
        chunkFileNames: '[name]-[hash].js',
        // Each takes what it imports with it, but what one before it took: one script of forty pieces is read at once.
        codeSplitting: {
          groups: [
            {name: 'command', test: /\/src\/cli\/(main|program)\.ts$/, priority: 2},
            {
              name: 'transfers',
              test: /\/src\/(background-transfer-engine|control|cli\/commands\/(get|put|resume)|host\/host-server)\.ts$/,
              priority: 1,
            },
          ],
        },
      },
    },
  },
  ssr: {
    noExternal: true,
    external: ['dbus-native', '@opentelemetry/api', 'prom-client'],
    // Not `node`: under it rxjs gives its CommonJS form, of which everything stays.
    resolve: {conditions: ['es2015', 'module', 'import', 'production', 'default']},
  },
})
