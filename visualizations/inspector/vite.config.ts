/** Builds the inspector page into the package: one document, one script, one style sheet, nothing inline. */

import {fileURLToPath} from 'node:url'
import {defineConfig} from 'vite'

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  oxc: {jsx: {runtime: 'automatic', importSource: 'preact'}},
  build: {
    outDir: fileURLToPath(new URL('../../dist/inspector-page', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'],
    // The server's policy allows files of its own only: no data: addresses, no inline polyfill.
    assetsInlineLimit: 0,
    modulePreload: false,
    rolldownOptions: {
      output: {entryFileNames: 'page.js', assetFileNames: '[name][extname]'},
    },
  },
})
