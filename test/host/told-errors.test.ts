/** An error that a host tells its client: all that a program could ask of it where it was thrown. */

import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {fromTold, type ToldError, toTold} from '../../src/domain/error-chain.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {BackgroundTransferEngine} from '../../src/index.ts'
import {failure, makeDirectory, onCleanup, openEngine} from '../integration/harness.ts'

/** As it comes out of a socket. */
const crossed = (error: unknown): TransferError => fromTold(JSON.parse(JSON.stringify(toTold(error))) as ToldError)

const system = Object.assign(new Error("EACCES: permission denied, open '/films/a'"), {
  code: 'EACCES',
  errno: -13,
  syscall: 'open',
  path: '/films/a',
})
const nearest = new TransferError('FILE_ACCESS', 'the part cannot be opened', {
  where: '/films/a',
  details: {attempts: 2},
  retry: 'backoff',
  cause: system,
})
const thrown = new TransferError('LIMIT_REACHED', 'not today', {
  details: {status: 429},
  advice: 'ask tomorrow',
  cause: new TypeError('it was refused', {cause: nearest}),
})

describe('an error that crosses the socket', () => {
  it('keeps its code, message and details, and those of its causes, in their order', () => {
    const error = crossed(thrown)
    expect([error.code, error.message, error.details, error.advice]).toEqual([
      'LIMIT_REACHED',
      'not today',
      {status: 429},
      'ask tomorrow',
    ])
    const refused = error.cause as Error
    expect([refused.name, refused.message]).toEqual(['TypeError', 'it was refused'])
    const part = refused.cause as TransferError
    expect(part).toBeInstanceOf(TransferError)
    expect(part).toMatchObject({code: 'FILE_ACCESS', where: '/films/a', details: {attempts: 2}, retry: 'backoff'})
    expect(part.cause).toBeInstanceOf(Error)
    expect(part.cause).toMatchObject({message: system.message, code: 'EACCES', errno: -13, syscall: 'open'})
    // What is written of it says the same on both sides.
    expect(error.toSerialized()).toEqual(thrown.toSerialized())
  })

  it('has no more than eight causes, also where they go round in a circle, and none that is endless', () => {
    const [one, other] = [new Error('one'), new Error('other', {cause: 'x'.repeat(1_000_000)})]
    one.cause = other
    const long = crossed(new TransferError('INTERNAL', 'no', {cause: one}))
    expect(String(((long.cause as Error).cause as Error).cause).length).toBeLessThan(5_000)
    other.cause = one
    let depth = 0
    for (let cause: unknown = crossed(one); cause instanceof Error; cause = cause.cause) depth += 1
    expect(depth).toBe(9)
  })

  it('is what a call of a client rejects with', async () => {
    const directory = await makeDirectory()
    const unconstrainedConsent = () => Promise.reject(thrown)
    await openEngine(directory, {control: true, unconstrainedConsent})
    const client = await BackgroundTransferEngine.connect({directory: join(directory, '.store')})
    onCleanup(() => client.close())
    const download = client.createDownloader().createDownload('http://localhost/a', join(directory, 'a'))
    const error = await failure(client.requestUnconstrainedDownloadsAsync([download]))
    expect([error.code, ((error.cause as Error).cause as TransferError).code]).toEqual(['LIMIT_REACHED', 'FILE_ACCESS'])
  })
})
