import {defineConfig} from 'vitest/config'

/** Where CI wants the results as JSON, beside the summary on the terminal. */
const report = process.env.BGT_TEST_REPORT

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    reporters: report === undefined ? ['default'] : ['default', ['json', {outputFile: report}]],
  },
})
