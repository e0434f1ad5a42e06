/** A program of the tests (BGT_PROGRAM, its path in the repository) as one file: global-setup.ts runs this. */

import {defineConfig} from 'vite'

export default defineConfig({
  logLevel: 'warn',
  build: {
    ssr: true,
    target: 'node20',
    copyPublicDir: false,
    rollupOptions: {
      input: {program: process.env.BGT_PROGRAM ?? ''},
      output: {format: 'es', entryFileNames: '[name].js', codeSplitting: false},
    },
  },
  ssr: {
    noExternal: true,
    // Their native or optional parts are found from where npm put them.
    external: ['level', 'dbus-native', '@opentelemetry/api', 'prom-client'],
    // As vite.cli.config.ts.
    resolve: {conditions: ['es2015', 'module', 'import', 'production', 'default']},
  },
})
