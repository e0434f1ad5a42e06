/**
 * The flags of V8 that suit the work of the command. Each version of V8 has its own, and complains on the terminal about one that it
 * does not know: a version that nobody tried gets none.
 */

import {setFlagsFromString} from 'node:v8'

/** `longRun`: whatever is done ten thousand times. */
export type Work = 'shortRun' | 'longRun'

/** undici's parser is one large function of WebAssembly. To optimise it takes longer than it ever parses here, and 30 MiB. */
const NO_OPTIMISED_PARSER = '--wasm-tiering-budget=1000000000'
/** Plain machine code of each function at its first call. */
const MACHINE_CODE_AT_ONCE = '--always-sparkplug'
/**
 * The heap at most doubles between two collections: V8 would let it grow four times, of which a list of a million lines makes use.
 */
const SMALL_HEAP = '--heap-growing-percent=100'

const FLAGS: Record<Work, readonly string[]> = {
  shortRun: [NO_OPTIMISED_PARSER],
  longRun: [NO_OPTIMISED_PARSER, MACHINE_CODE_AT_ONCE, SMALL_HEAP],
}

/**
 * When V8 optimises, which later versions count otherwise. Short: eleven times the default, since to optimise what is used a few thousand
 * times takes longer than it gains. Long: it pays after some thousand files, and the first two thousand take two thirds of the CPU
 * time with four times the default.
 */
const BUDGETS: Record<Work, string> = {
  shortRun: '--interrupt-budget=1500000',
  longRun: '--interrupt-budget=300000',
}
const LAST_WITH_BUDGETS = 11
/** That of Node.js 26. */
const LAST_TRIED = 14

export function setV8Flags(work: Work): void {
  for (const flag of v8Flags(work, process.versions.v8)) setFlagsFromString(flag)
}

/** `version`: as process.versions.v8 has it. */
export function v8Flags(work: Work, version: string): readonly string[] {
  const major = Number.parseInt(version, 10)
  if (!(major <= LAST_TRIED)) return []
  return major <= LAST_WITH_BUDGETS ? [...FLAGS[work], BUDGETS[work]] : FLAGS[work]
}
