/**
 * The first file of the command, and the one that loads its scripts, as CommonJS: to start the loader of ES modules takes Node.js a
 * tenth of what it takes to start.
 */

import {defineConfig} from 'vite'

export default defineConfig({
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'dist/src/cli',
    emptyOutDir: false,
    minify: false,
    rollupOptions: {
      input: {bgt: 'src/cli/bgt.ts'},
      output: {format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: '[name].cjs'},
    },
  },
})
