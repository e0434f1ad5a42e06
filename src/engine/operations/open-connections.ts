/** The connections of a try that fetches one file over several: what the byte path knows of each, and where its chart stands. */

import type {AnyActorRef} from 'xstate'
import type {OperationSnapshot} from '../../../machines/operation.machine.ts'
import type {ConnectionStanding, PartId} from '../../domain/part.ts'
import {pathOf} from './record-of.ts'

export interface OpenConnection extends Partial<Omit<ConnectionStanding, 'connection'>> {
  /** The try's own is `first`. */
  readonly connection: 'first' | PartId
  /** Of the part's chart; of the operation's for `first`. */
  readonly path: string
}

/** A part that waits for its next request has a chart and no stretch. */
export function openConnections(
  {value, children}: OperationSnapshot,
  standings: readonly ConnectionStanding[],
): readonly OpenConnection[] {
  const own = standings.filter(({connection}) => connection === 'first')
  const parts = Object.entries(children as Record<string, AnyActorRef | undefined>).flatMap(([id, actor]) =>
    isPart(id) && actor !== undefined ? [{connection: id, path: pathOf(actor.getSnapshot().value)}] : [],
  )
  return [
    ...own.map((standing) => ({...standing, path: pathOf(value)})),
    ...parts.map((part) => ({...part, ...standings.find(({connection}) => connection === part.connection)})),
  ]
}

const isPart = (id: string): id is PartId => id.startsWith('part-')
