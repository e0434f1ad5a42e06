/**
 * The program that runs into a limit on the size of its files: writes on through several failures, and prints, as JSON,
 * which operations were acknowledged and what the others were told.
 */

import {createLevelStore} from '../../src/adapters/level/level-store.ts'
import {asTransferError} from '../../src/domain/errors.ts'
import {operationId, queuedRecord} from '../support/records.ts'

const [directory = ''] = process.argv.slice(2)
const store = createLevelStore({directory, durability: 'process'})
await store.open()
const acknowledged: number[] = []
const refused: {n: number; code: string}[] = []
let failures = 0
let successesSince = 0
let readable = 0

for (let batch = 0; batch < 2000 && (failures < 3 || successesSince === 0); batch += 1) {
  const numbers = [1, 2, 3, 4, 5].map((n) => batch * 5 + n)
  const saves = numbers.map((n) => store.save(queuedRecord(n, {url: `http://127.0.0.1/${'x'.repeat(900)}`})))
  const results = await Promise.allSettled(saves)
  results.forEach((result, at) => {
    const n = numbers[at] ?? 0
    if (result.status === 'fulfilled') acknowledged.push(n)
    else refused.push({n, code: asTransferError(result.reason).code})
  })
  if (results.some(({status}) => status === 'rejected')) {
    failures += 1
    successesSince = 0
    // What was there before can be read at once.
    if ((await store.get(operationId(1))) !== undefined) readable += 1
  } else {
    successesSince += 1
  }
}

const {lastSequence} = queuedSummary(await store.query({limit: 10_000}))
await store.close()
console.log(JSON.stringify({acknowledged, refused, failures, readable, lastSequence}))

function queuedSummary(records: readonly {readonly sequence: number}[]): {lastSequence: number} {
  return {lastSequence: Math.max(...records.map(({sequence}) => sequence))}
}
