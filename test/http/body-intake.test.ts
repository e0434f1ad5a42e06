/** Property: whatever the sizes and the order of events, bytes arrive once, in order, and each lent buffer goes back once. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {BodyIntake} from '../../src/adapters/http/body-intake.ts'
import {CollectingReceiver} from '../support/collecting-receiver.ts'
import {contentOf, contentSlice, sha256} from '../support/content.ts'

const MIB = 1024 * 1024

const step = fc.oneof(
  {weight: 4, arbitrary: fc.record({do: fc.constant('read' as const), length: fc.integer({min: 1, max: 70_000})})},
  {
    weight: 2,
    arbitrary: fc.record({do: fc.constant('read' as const), length: fc.integer({min: 131_000, max: 300_000})}),
  },
  {weight: 4, arbitrary: fc.record({do: fc.constant('take' as const), length: fc.integer({min: 1, max: 70_000})})},
  {weight: 2, arbitrary: fc.record({do: fc.constant('giveBack' as const), count: fc.integer({min: 1, max: 3})})},
  {weight: 2, arbitrary: fc.constant({do: 'resume' as const})},
  {weight: 1, arbitrary: fc.constant({do: 'flush' as const})},
)

describe('body intake', () => {
  it('delivers every byte once and returns every buffer once', () => {
    fc.assert(
      fc.property(
        fc.array(step, {maxLength: 60}),
        fc.integer({min: 1, max: 3}),
        fc.constantFrom(16_384, 400_000),
        fc.boolean(),
        fc.constantFrom('end', 'drop'),
        (steps, buffers, bufferBytes, atOnce, finale) => {
          const receiver = new CollectingReceiver({buffers, bufferBytes, reuse: true})
          receiver.connected()
          receiver.responded({status: 200, url: '', headers: []})
          let reading = true
          const intake = new BodyIntake(receiver, {
            tellsAtOnce: () => atOnce,
            starved: () => {
              reading = false
            },
            fed: () => {
              reading = true
            },
          })
          let sent = 0
          // As a connection has it: asked for after each read, and pointed at until the next one.
          let memory: Buffer | undefined
          for (const each of steps) {
            if (each.do === 'read' && reading) {
              const bytes = contentSlice(1, sent, sent + Math.min(each.length, memory?.length ?? each.length))
              expect(memory === undefined || receiver.isLent(memory)).toBe(true)
              const place = memory?.subarray(0, bytes.length) ?? bytes
              if (place !== bytes) bytes.copy(place)
              intake.take(place)
              sent += place.length
              memory = intake.memory()
            }
            if (each.do === 'take' && reading && memory === undefined) {
              intake.take(contentSlice(1, sent, sent + each.length))
              sent += each.length
            }
            if (each.do === 'giveBack') receiver.giveBack(each.count)
            if (each.do === 'resume') intake.resume()
            if (each.do === 'flush') intake.flush()
            expect(intake.received).toBe(sent)
          }
          let delivered = false
          if (finale === 'drop') intake.drop()
          else {
            intake.end(() => {
              delivered = true
            })
            for (let round = 0; round < 100 && !delivered; round += 1) {
              receiver.giveBack()
              intake.resume()
            }
            expect(delivered).toBe(true)
            expect(receiver.length).toBe(sent)
          }
          expect(receiver.breaches).toEqual([])
          expect(receiver.outstanding).toBe(0)
          expect(receiver.digest()).toBe(sha256(contentOf(1, receiver.length)))
        },
      ),
    )
  })

  it('asks to stop reading when a buffer is full and there is no next one', () => {
    const receiver = new CollectingReceiver({buffers: 1})
    receiver.connected()
    receiver.responded({status: 200, url: '', headers: []})
    const said: string[] = []
    const intake = new BodyIntake(receiver, {
      tellsAtOnce: () => false,
      starved: () => said.push('starved'),
      fed: () => said.push('fed'),
    })
    intake.take(Buffer.alloc(16 * 1024))
    expect(said).toEqual(['starved'])
    intake.resume()
    expect(said).not.toContain('fed')
    receiver.giveBack()
    intake.resume()
    expect(said.at(-1)).toBe('fed')
  })

  it.each([
    ['a large one that is told within the read', 131_072, true, 131_072],
    ['a smaller one', 131_071, true, 0],
    ['one that is told later: the connection still points there', 131_072, false, 0],
  ])('hands over at once what a read brought, or not: %s', (_, length, atOnce, handedOver) => {
    const receiver = new CollectingReceiver({buffers: 2, bufferBytes: 1_048_576})
    receiver.connected()
    receiver.responded({status: 200, url: '', headers: []})
    const intake = new BodyIntake(receiver, {tellsAtOnce: () => atOnce, starved: () => {}, fed: () => {}})
    intake.take(intake.memory()?.subarray(0, length) ?? Buffer.alloc(0))
    expect(receiver.length).toBe(handedOver)
    expect(intake.received).toBe(length)
  })

  it('says after a read of a mebibyte that more lies ready, and after a smaller one no more', () => {
    const told: (boolean | undefined)[] = []
    const receiver = new CollectingReceiver({buffers: 10, bufferBytes: MIB, reuse: true})
    const lend = receiver.lend.bind(receiver)
    receiver.lend = (isMuch?: boolean) => {
      told.push(isMuch)
      return lend()
    }
    const intake = new BodyIntake(receiver, {tellsAtOnce: () => true, starved: () => {}, fed: () => {}})
    for (const bytes of [MIB, MIB / 2]) {
      const memory = intake.memory()
      if (memory !== undefined) intake.take(memory.subarray(0, bytes))
    }
    expect(told).toEqual([false, true, false])
  })
})
