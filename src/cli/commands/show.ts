/** `bgt show`: one operation, and why it is not moving. */

import {printable} from '../../domain/printable.ts'
import {BackgroundTransferPriority} from '../../domain/priority.ts'
import {DEFAULT_RETRY, dueAt} from '../../domain/retry.ts'
import {isTerminal} from '../../domain/status.ts'
import type {Explanation, OperationSummary} from '../../index.ts'
import {lineOf} from '../advice.ts'
import {historyLine} from '../history.ts'
import {type Io, printJson, printResult} from '../io.ts'
import {commandOf, movedOf, operationOf, unknownOperation} from '../operations.ts'
import {holdsStore, storeDirectory} from '../store-directory.ts'
import {withStore} from '../stored.ts'
import {percentText, plural} from '../text.ts'

export interface ShowFlags {
  readonly store?: string
  readonly json?: boolean
  readonly history?: boolean
}

export async function show(io: Io, guid: string, flags: ShowFlags): Promise<number> {
  const directory = storeDirectory(flags.store, io.env)
  if (!(await holdsStore(directory))) throw unknownOperation(guid)
  await withStore(
    directory,
    async (engine) => {
      const operation = await operationOf(engine, guid)
      const summary = operation.describe()
      const explanation = operation.explain()
      const history = flags.history === true ? await engine.journalAsync(operation.guid) : undefined
      if (flags.json === true) {
        await printJson(io, {...summary, explanation, ...(history === undefined ? {} : {history})})
        return
      }
      for (const [name, value] of factsOf(summary, explanation, engine.host !== null)) {
        await printResult(io, printable(`${`${name}:`.padEnd(10)} ${value}`))
      }
      for (const entry of history ?? []) await printResult(io, printable(historyLine(entry)))
    },
    // With a slot to spare, "every slot is taken" is not the answer to everything.
    1,
  )
  return 0
}

function factsOf(
  summary: OperationSummary,
  explanation: Explanation,
  isShared: boolean,
): readonly (readonly [string, string])[] {
  const {state, error} = summary
  const {bytes, total} = movedOf(summary)
  const facts: [string, string][] = [
    ['guid', summary.guid],
    ['url', summary.url],
    ['file', summary.file],
    ['status', summary.status === state ? state : `${summary.status} (${state})`],
    ['bytes', total > 0 ? `${bytes} of ${total} (${percentText(bytes, total)})` : plural(bytes, 'byte')],
    ['priority', priorityName(summary.priority)],
    ['tries', String(summary.attempts)],
    ['created', timeText(summary.createdAt)],
  ]
  if (summary.group !== '') facts.push(['group', summary.group])
  if (summary.endedAt !== undefined) facts.push(['ended', timeText(summary.endedAt)])
  if (summary.retryAt !== undefined)
    facts.push(['next try', timeText(dueAt(summary.retryAt, Date.now(), DEFAULT_RETRY))])
  if (error !== undefined) facts.push(['error', `${error.code}: ${lineOf(error)}`])
  facts.push(['why', explanation.why])
  if (explanation.next !== undefined) facts.push(['next', explanation.next])
  // Where another process has the store, that one goes on with it.
  const command = isShared && !isTerminal(summary.state) ? undefined : commandFor(summary)
  if (command !== undefined) facts.push(['command', command])
  return facts
}

/** This command holds the store, so nothing runs it now: what would. */
function commandFor(summary: OperationSummary): string | undefined {
  const {guid, state} = summary
  if (state === 'failed' || state === 'canceled') return `${commandOf(summary)} with the same URL and file`
  return isTerminal(state) ? undefined : `bgt resume ${guid}`
}

function priorityName(priority: number): string {
  return Object.entries(BackgroundTransferPriority).find(([, value]) => value === priority)?.[0] ?? String(priority)
}

function timeText(at: number): string {
  return new Date(at).toISOString()
}
