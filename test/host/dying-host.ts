/** A host that dies of a body, by SIGKILL and without a word, at the moment that is asked for. */

import {writeSync} from 'node:fs'
import {BehaviorSubject} from 'rxjs'
import {GOOD_CONDITIONS} from '../../src/domain/conditions.ts'
import {Engine} from '../../src/engine/engine.ts'
import {BackgroundTransferEngine} from '../../src/index.ts'

export type DyingMoment =
  /** It has all of the body, and has told nobody. */
  | 'taken'
  /** It is asked to start what the body is for. */
  | 'asked'
  /** That is started, and nobody was told. */
  | 'accepted'

const [directory = '', moment] = process.argv.slice(2)
const {prototype} = Engine
const {takeBody, start} = prototype

async function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => {})
}

switch (moment as DyingMoment) {
  case 'taken':
    prototype.takeBody = async function (...given) {
      await takeBody.apply(this, given)
      return die()
    }
    break
  case 'asked':
    prototype.start = die
    break
  case 'accepted':
    prototype.start = async function (...given) {
      await start.apply(this, given)
      return die()
    }
    break
}

await BackgroundTransferEngine.open({
  directory,
  control: true,
  durability: 'process',
  // Nothing is sent by it.
  conditions: {conditions$: new BehaviorSubject({...GOOD_CONDITIONS, connectivity: 'none' as const})},
})
writeSync(1, 'ready\n')
