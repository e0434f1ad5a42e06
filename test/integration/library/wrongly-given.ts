/** What a program in JavaScript may give, and what comes of it: what the tests of bad input and of unknown options have in common. */

import {BackgroundTransferContentPart, TransferError} from '../../../src/index.ts'
import type {World} from '../harness.ts'

/** Typed as what fits everywhere: the compiler would refuse each of these. */
export type Wrong = never

/** `'accepted'`, what our error says, or the error as it is where it is none of ours. */
export async function outcomeOf(call: () => unknown): Promise<unknown> {
  try {
    await call()
    return 'accepted'
  } catch (error) {
    return error instanceof TransferError ? {code: error.code, where: error.where} : error
  }
}

export function downloadIn({engine, server, file}: World, options: object = {}) {
  return engine.createDownloader().createDownload(server.url('/a'), file('a'), options)
}

export function uploadIn({engine, server, file}: World, options: Wrong | object = {}) {
  return engine.createUploader().createUpload(server.url('/a'), file('source'), options)
}

export function streamOf(chunk: unknown): Wrong {
  return (async function* () {
    yield chunk
  })() as Wrong
}

export function textPart(): BackgroundTransferContentPart {
  const part = new BackgroundTransferContentPart('field')
  part.setText('text')
  return part
}
