/** Each of these files leaves something in the process that it shares with others; nothing-left.test.ts runs them. */

import {defineConfig} from 'vitest/config'

export default defineConfig({
  test: {
    dir: import.meta.dirname,
    include: ['*.leaves.ts'],
    isolate: false,
    maxWorkers: 1,
    setupFiles: ['test/support/nothing-left.ts'],
  },
})
