/** Nothing is lost between a record and its text, nothing changed goes unnoticed, and a fresh record is small. */

import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {seal, unseal} from '../../src/adapters/level/envelope.ts'
import {
  groupOfQueueKey,
  indexEntryOf,
  lineEntryOf,
  operationKey,
  queueSpan,
  spanOf,
} from '../../src/adapters/level/keys.ts'
import {decodeRecord, encodeRecord, stateOfJson} from '../../src/adapters/level/record-codec.ts'
import {sealRecord, unsealRecord} from '../../src/adapters/level/stored-record.ts'
import {keptEvidence, keptResponse} from '../../src/domain/kept-answer.ts'
import {operationId, queuedRecord} from '../support/records.ts'
import {anyRecord, anyText} from './any-record.ts'

describe('the record codec', () => {
  it('gives back every record as it was, absent fields absent, but for the secrets of its answer', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        const {request, response, evidence} = record
        const kept = {
          ...record,
          evidence: keptEvidence(evidence, request.url),
          ...(response === undefined ? {} : {response: keptResponse(response, request.url)}),
        }
        expect(decodeRecord(record.id, encodeRecord(record))).toStrictEqual(kept)
      }),
      {numRuns: 500},
    )
  })

  it('writes what JSON.stringify makes of the whole, whichever of its parts were written before', () => {
    fc.assert(
      fc.property(anyRecord, anyRecord, (record, other) => {
        const {request, target, policy, attempts, evidence} = record
        const saves = [record, {...other, request}, {...other, request, target, evidence}, {...other, request, policy}]
        for (const each of [...saves, {...record, delivered: false}, {...other, request, attempts}, record]) {
          const text = encodeRecord(each)
          expect(text).toBe(encodeRecord(structuredClone(each)))
          expect(text).toBe(JSON.stringify(JSON.parse(text)))
        }
      }),
      {numRuns: 300},
    )
  })

  it('keeps nothing of an address to which the answer was sent on, nor where the answer repeats it', () => {
    const record = {
      ...queuedRecord(1),
      response: {
        status: 403,
        url: 'http://127.0.0.1/target?sig=a%20secret%3D1',
        headers: [['X-Why', 'bad sig a secret=1']] as const,
      },
    }
    expect(decodeRecord(record.id, encodeRecord(record))?.response).toEqual({
      status: 403,
      url: 'http://127.0.0.1/target?sig=***',
      headers: [['X-Why', 'bad sig ***']],
    })
  })

  it('tells the state without parsing', () => {
    fc.assert(fc.property(anyRecord, (record) => stateOfJson(encodeRecord(record)) === record.state))
  })

  it('keeps a fresh record under 250 bytes, its key and envelope included', () => {
    const record = queuedRecord(1_000_000, {
      url: 'https://downloads.example/files/archive-2025.tar.gz',
      file: '/home/somebody/Downloads/archive-2025.tar.gz',
    })
    expect(Buffer.byteLength(operationKey(record.id) + sealRecord(record, 1_000_000))).toBeLessThanOrEqual(250)
  })

  it.each([
    '',
    '{',
    'null',
    '[]',
    '7',
    '{"url":"u"}',
    '{"url":"u","file":"f","createdAt":1,"sequence":1,"state":"odd"}',
  ])('refuses %j', (json) => {
    expect(decodeRecord(operationId(1), json)).toBeUndefined()
  })

  it('reads past fields that it does not know', () => {
    const json = JSON.stringify({...JSON.parse(encodeRecord(queuedRecord(1))), laterField: {deep: true}})
    expect(decodeRecord(operationId(1), json)).toStrictEqual(queuedRecord(1))
  })
})

describe('the envelope', () => {
  it('gives back what was sealed', () => {
    fc.assert(
      fc.property(anyText, fc.maxSafeNat(), anyText, (key, writeSequence, text) => {
        const json = JSON.stringify(text)
        expect(unseal(key, seal(key, writeSequence, json))).toEqual({writeSequence, json})
      }),
    )
  })

  it('notices any changed character', () => {
    fc.assert(
      fc.property(anyRecord, fc.nat(), fc.integer({min: 1, max: 127}), (record, where, change) => {
        const key = operationKey(record.id)
        const text = sealRecord(record, 7)
        const at = where % text.length
        const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ change) + text.slice(at + 1)
        expect(unsealRecord(key, changed)).toBeUndefined()
      }),
      {numRuns: 500},
    )
  })

  it('notices a value that is cut, or that stands under another key', () => {
    const text = sealRecord(queuedRecord(1), 7)
    for (let length = 0; length < text.length; length += 1) {
      expect(unsealRecord(operationKey(operationId(1)), text.slice(0, length))).toBeUndefined()
    }
    expect(unsealRecord(operationKey(operationId(2)), text)).toBeUndefined()
  })
})

describe('queue keys', () => {
  it('give back group, class and sequence, and lie in their group’s span and no other’s', () => {
    fc.assert(
      fc.property(anyRecord, anyText, (record, other) => {
        const queued = {...record, state: 'queued'} as const
        const {key, value} = indexEntryOf(queued)
        const {group} = queued.policy
        const isIn = ({gte, lt}: {gte: string; lt: string}) => gte <= key && key < lt
        expect(groupOfQueueKey(key)).toBe(group)
        expect(lineEntryOf(key, value)).toMatchObject({id: queued.id, sequence: queued.sequence})
        expect(isIn(queueSpan(group))).toBe(true)
        expect(isIn(queueSpan(other))).toBe(other === group)
        expect(isIn(spanOf('!queue!'))).toBe(true)
      }),
      {numRuns: 500},
    )
  })
})
