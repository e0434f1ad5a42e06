/** The actors `verifyFile`, `publishFile` and `discardParts`: from part file to file, or to nothing. */

import {fromPromise} from 'xstate'
import {describedBy} from '../domain/content-description.ts'
import {TransferError} from '../domain/errors.ts'
import {expectedFile} from '../domain/expected-file.ts'
import {fileNameFromResponse} from '../domain/file-name.ts'
import type {OperationFacts, PublishedFile} from '../domain/record.ts'
import {type FileSink, partNameOf} from '../ports/file-sink.ts'

const OK = 200

interface FactsInput {
  readonly facts: OperationFacts
}

/** Compares length and digests and makes the part durable. Rejects with LENGTH_MISMATCH, CHECKSUM_MISMATCH, PART_LOST. */
export function createVerifyFile(sink: FileSink) {
  return fromPromise<PublishedFile, FactsInput>(async ({input: {facts}, signal}) => {
    const file = await sink.verify(partNameOf(facts), expectedFile(facts), signal)
    return facts.policy.nameFromServer === true ? {...file, as: nameOf(facts)} : file
  })
}

/** Decided before the intent to publish is durable: whoever goes on after a crash means the same name. */
export function nameOf({response, request, source = 0, evidence}: OperationFacts): string {
  const {url} = request
  const head = describedBy(evidence.description, response ?? {status: OK, url, headers: []})
  // Where the server itself sent us on, it called the file so. A mirror or a provider did not, and the address may be secret.
  const isSentOn = source === 0 && request.provider === undefined
  return isSentOn ? fileNameFromResponse(head, head.url, url) : fileNameFromResponse(head, url)
}

/** Gives the part its final name; idempotent, because a crash may come between the name and the record. */
export function createPublishFile(sink: FileSink) {
  return fromPromise<string, FactsInput>(async ({input: {facts}}) => {
    if (facts.publishing === undefined) throw new TransferError('PART_LOST', 'no verified part to publish')
    return sink.publish(partNameOf(facts), facts.publishing, facts.target.collision)
  })
}

export function createDiscardParts(sink: FileSink) {
  return fromPromise<void, FactsInput>(({input: {facts}}) => sink.discard(partNameOf(facts)))
}
