import {defineConfig} from 'vitest/config'
import {BaseSequencer, type TestSpecification} from 'vitest/node'

/** Where CI wants the results as JSON, beside the summary on the terminal. */
const report = process.env.BGT_TEST_REPORT

/** By size of file they would be among the last, and one core would wait for them. */
const LONGEST = ['/test/property/engine.test.ts', '/test/crash/crash.test.ts', '/test/inspector-page/browser.test.ts']

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLongest = ({moduleId}: TestSpecification) => LONGEST.some((path) => moduleId.endsWith(path))
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))]
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    sequence: {sequencer: LongestFirst},
    testTimeout: 30_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    reporters: report === undefined ? ['default'] : ['default', ['json', {outputFile: report}]],
  },
})
