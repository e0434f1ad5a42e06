/**
 * The actors `prepareContent` and `discardUpload`: what is to be sent is there, and what a resumable upload begins with; and what
 * was kept for it goes.
 */

import {fromPromise} from 'xstate'
import {TransferError} from '../domain/errors.ts'
import type {OperationFacts} from '../domain/record.ts'
import {type Preparation, uploadViewOf} from '../domain/upload-steps.ts'
import type {ContentSource} from '../ports/content-source.ts'
import type {Spool} from '../ports/spool.ts'
import type {UploadProtocols} from '../ports/upload-protocol.ts'
import {unknownProtocol} from './perform-step.ts'
import type {FreshRequests} from './refresh-request.ts'

interface FactsInput {
  readonly facts: OperationFacts
}

/**
 * Rejects with SOURCE_MISSING, with SOURCE_CHANGED when a file is not as it was when it was first sent, and with NOT_SUPPORTED for
 * a protocol that nobody registered.
 */
export function createPrepareContent(source: ContentSource, protocols: UploadProtocols) {
  return fromPromise<Preparation, FactsInput>(async ({input: {facts}}) => {
    const {body, way} = facts.request
    if (body === undefined) throw new TransferError('INTERNAL', 'an upload without content')
    const protocol = way === undefined ? undefined : protocols.get(way.protocol)
    if (way !== undefined && protocol === undefined) throw unknownProtocol(way.protocol)
    const content = await source.inspect(body, facts.sending?.content, facts.app)
    if (way === undefined || protocol === undefined) return {content}
    return {content, step: protocol.begin(uploadViewOf(facts, way, content.length))}
  })
}

export function createDiscardUpload(spool: Spool, fresh: FreshRequests) {
  return fromPromise<void, FactsInput>(({input: {facts}}) => {
    fresh.forget(facts.id)
    return spool.remove(facts.id)
  })
}
