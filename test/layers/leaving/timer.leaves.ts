import {it} from 'vitest'

it('leaves a timer', () => {
  setInterval(() => {}, 60_000)
})
