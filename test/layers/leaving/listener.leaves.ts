import {it} from 'vitest'

it('leaves somebody who listens to the process', () => {
  process.on('SIGUSR2', () => {})
})
