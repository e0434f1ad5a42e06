import {defineConfig} from 'vitest/config'
import {BaseSequencer, type TestSpecification} from 'vitest/node'

/** Where CI wants the results as JSON, beside the summary on the terminal. */
const report = process.env.BGT_TEST_REPORT

/** By size of file they would be among the last, and one core would wait for them. */
const LONGEST = [
  '/test/property/engine.test.ts',
  '/test/crash/crash.test.ts',
  '/test/inspector-page/browser.test.ts',
  '/test/visualizations/charts.test.ts',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLongest = ({moduleId}: TestSpecification) => LONGEST.some((path) => moduleId.endsWith(path))
    // Those with a process of their own come after: a shared process ends where the next file wants its own.
    const isAlone = ({project}: TestSpecification) => project.name === 'alone'
    const rest = sorted.filter((file) => !isLongest(file))
    return [...sorted.filter(isLongest), ...rest.filter((file) => !isAlone(file)), ...rest.filter(isAlone)]
  }
}

/** Files that measure the memory or the handles of their own process, or that would leave something in a shared one. */
const ALONE = 'test/**/*.alone.test.ts'

/**
 * A state that is awaited comes when it comes, on a slow machine too: how long that may take is the limit of its test. This is below
 * it, so that the test ends with what it waited for.
 */
const expect = {poll: {timeout: 25_000}}

/** One more than there are processors, as a rule: many tests wait for a server. Building a program for a test takes long beside two others. */
const limits = {testTimeout: 30_000, hookTimeout: 120_000, maxWorkers: 3, expect}

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    sequence: {sequencer: LongestFirst},
    maxWorkers: 3,
    reporters: report === undefined ? ['default'] : ['default', ['json', {outputFile: report}]],
    projects: [
      {
        // The rest shares three processes: importing the engine anew for each file took a third of the whole run.
        test: {
          ...limits,
          name: 'shared',
          include: ['test/**/*.test.ts'],
          exclude: [ALONE],
          isolate: false,
          setupFiles: ['test/support/nothing-left.ts'],
        },
      },
      {test: {...limits, name: 'alone', include: [ALONE]}},
    ],
  },
})
