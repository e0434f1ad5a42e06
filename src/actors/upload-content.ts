/** The actors `prepareContent` and `discardUpload`: what is to be sent is there, and what was kept for it goes. */

import {fromPromise} from 'xstate'
import {TransferError} from '../domain/errors.ts'
import type {OperationFacts} from '../domain/record.ts'
import type {ContentFacts} from '../domain/request-content.ts'
import type {ContentSource} from '../ports/content-source.ts'
import type {Spool} from '../ports/spool.ts'

interface FactsInput {
  readonly facts: OperationFacts
}

/** Rejects with SOURCE_MISSING, and with SOURCE_CHANGED when a file is not as it was when it was first sent. */
export function createPrepareContent(source: ContentSource) {
  return fromPromise<ContentFacts, FactsInput>(async ({input: {facts}}) => {
    const {body} = facts.request
    if (body === undefined) throw new TransferError('INTERNAL', 'an upload without content')
    return source.inspect(body, facts.sending?.content)
  })
}

export function createDiscardUpload(spool: Spool) {
  return fromPromise<void, FactsInput>(({input: {facts}}) => spool.remove(facts.id))
}
