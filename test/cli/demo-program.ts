/** Runs the demo as `bgt demo` does, off a terminal. */

import {runDemo} from '../../src/cli/demo/demo.ts'

process.exitCode = await runDemo({stdout: process.stdout, color: process.argv.includes('--color')})
