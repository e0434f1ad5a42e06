/**
 * The command as one file and what it loads on demand: starting it reads a few files instead of four hundred. Replaces what
 * tsc made of src/cli/bgt.ts; the library stays as it is, a module a file. What it loads lies two folders below dist/src, as the
 * modules do that name a file beside them by their own address.
 */

import {defineConfig} from 'vite'

export default defineConfig({
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'dist/src/cli',
    emptyOutDir: false,
    minify: true,
    rollupOptions: {
      input: {bgt: 'src/cli/bgt.ts'},
      output: {entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js'},
    },
  },
  ssr: {
    noExternal: true,
    external: ['classic-level', 'dbus-native', '@opentelemetry/api', 'prom-client'],
    // Not `node`: under it rxjs gives its CommonJS form, of which everything stays.
    resolve: {conditions: ['es2015', 'module', 'import', 'production', 'default']},
  },
})
