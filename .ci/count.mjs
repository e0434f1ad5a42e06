// Prints "N passed, N failed" from the test runner's JSON report. Files that could not be run count as failed.

import {readFileSync} from 'node:fs'

const text = readFileSync(process.argv[2], 'utf8')
if (text === '') {
  // Lint, types, dead code or the package failed before.
  console.log('0 passed, 0 failed')
  process.exit(1)
}
const {numPassedTests, numFailedTests, testResults} = JSON.parse(text)
const broken = testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
)
const failed = numFailedTests + broken.length
console.log(`${numPassedTests} passed, ${failed} failed`)
process.exitCode = failed === 0 && numPassedTests > 0 ? 0 : 1
