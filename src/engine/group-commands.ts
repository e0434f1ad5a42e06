/**
 * What a caller may have all members of a group do at once. Nobody of them is admitted meanwhile; resolves when the outcomes
 * are durable, and rejects with CLOSED when the engine closes first. What was asked for last holds: of a group, and of a member
 * that is commanded by itself while its group is.
 */

import {waitFor} from 'xstate'
import type {OperationSnapshot} from '../../machines/operation.machine.ts'
import type {OperationEvent} from '../../machines/transfer.vocabulary.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {isTerminal, LIFE_STATES, type LifeState} from '../domain/status.ts'
import type {RecordStore} from '../ports/record-store.ts'
import type {Dispatcher} from './admission/dispatcher.ts'
import type {Sequences} from './admission/sequences.ts'
import type {Commands} from './commands.ts'
import type {OperationEntry} from './operations/operation-entry.ts'
import type {Operations} from './operations/operations.ts'
import {lifeStateOf} from './operations/record-of.ts'

const UNFINISHED: readonly LifeState[] = LIFE_STATES.filter((state) => !isTerminal(state) && state !== 'canceling')
const PAUSABLE: readonly LifeState[] = ['queued', 'running', 'returning', 'waitingToRetry']
const RESUMABLE: readonly LifeState[] = ['pausedByApplication', 'pausedRecoverableWebErrorStatus', 'pausedForStorage']

/** Where an earlier pause, or cancellation, is being carried out. */
const ARRIVING: ReadonlySet<string> = new Set(['running.exchanging.yieldingToPause', 'canceling'])

export interface GroupCommandsOptions {
  readonly store: RecordStore
  readonly operations: Operations
  readonly line: Dispatcher
  readonly commands: Commands
  readonly sequences: Sequences
  /** Resolves when all that was started before stands in line, or was refused. */
  readonly accepted: () => Promise<void>
}

/** Of a group: all of them, or those of one application. */
interface Members {
  readonly group: string
  readonly app: string | undefined
}

/** A command for every member of a group that is in one of these states. */
interface GroupCommand {
  readonly states: readonly LifeState[]
  readonly event: () => OperationEvent
  /** Whether a member in this state has carried it out. */
  readonly isThrough: (state: LifeState) => boolean
  /** Another command, before or behind it, changes nothing of its outcome. */
  readonly isFinal?: boolean
}

/** What has happened, and will, while a command is carried out. */
interface Meanwhile {
  /** Settles when all that was started before the command stands in line, or was refused. */
  readonly before: Promise<void>
  /** Members that got a later one, of their own or with others. */
  readonly commanded: ReadonlySet<OperationId>
}

export class GroupCommands {
  readonly #options: GroupCommandsOptions
  /** By group: settles when its last command is through. */
  readonly #last = new Map<string, Promise<void>>()

  constructor(options: GroupCommandsOptions) {
    this.#options = options
  }

  /** `app`: of this application only; whoever sees no others is not to move them either. */
  pause(group: string, app: string | undefined): Promise<void> {
    const event = () => ({type: 'operation.pause'}) as const
    return this.#forEachMember({group, app}, {states: PAUSABLE, event, isThrough: (state) => !PAUSABLE.includes(state)})
  }

  resume(group: string, app: string | undefined): Promise<void> {
    const event = () => ({type: 'operation.resume', sequence: this.#options.sequences.next()}) as const
    return this.#forEachMember(
      {group, app},
      {states: RESUMABLE, event, isThrough: (state) => !RESUMABLE.includes(state)},
    )
  }

  cancel(group: string, app: string | undefined): Promise<void> {
    const event = () => ({type: 'operation.cancel'}) as const
    return this.#forEachMember({group, app}, {states: UNFINISHED, event, isThrough: isTerminal, isFinal: true})
  }

  /**
   * At once for whom it can move, however long an earlier command for the group takes. Then behind those: the store is looked
   * through for members that they may have yet to move.
   */
  async #forEachMember(members: Members, command: GroupCommand): Promise<void> {
    const {line, accepted, commands} = this.#options
    const {group, app} = members
    line.suspendGroup(group, app)
    const before = accepted()
    const ahead = this.#aheadOfTheStore(members, command.event())
    const moved = this.#carryOut(command, ahead)
    moved.catch(() => undefined)
    commands.noteCommanded(ahead)
    const [commanded, unwatch] = commands.watchCommanded()
    const reach = async () => {
      await moved
      await this.#reachEach(members, command, {before, commanded})
    }
    try {
      await (command.isFinal ? reach() : this.#inTurn(group, reach))
    } finally {
      unwatch()
      line.resumeGroup(group, app)
    }
  }

  /** At once where no other command for this group is under way. */
  async #inTurn(group: string, carryOut: () => Promise<void>): Promise<void> {
    const carried = this.#last.get(group)?.then(carryOut) ?? carryOut()
    const last = carried.catch(() => undefined)
    this.#last.set(group, last)
    try {
      await carried
    } finally {
      if (this.#last.get(group) === last) this.#last.delete(group)
    }
  }

  /** First whom the store may not show so, then page by page, so that a group of a million never stands in memory. */
  async #reachEach(members: Members, command: GroupCommand, {before, commanded}: Meanwhile): Promise<void> {
    const {store, operations} = this.#options
    const {states} = command
    const {group, app} = members
    const isMeant = ({record}: OperationEntry) => command.isFinal === true || !commanded.has(record.id)
    await this.#carryOut(command, this.#aheadOfTheStore(members, command.event()).filter(isMeant))
    // Whoever was being started stands in the store from here on.
    await before
    for (let after: OperationId | undefined; ; ) {
      const from = after
      let carriedOut = Promise.resolve()
      after = await operations.records.read(
        () =>
          store.query({
            group,
            states,
            ...(app === undefined ? {} : {app}),
            ...(from === undefined ? {} : {after: from}),
          }),
        (page) => {
          const entries = page.map((record) => operations.hold(record))
          const asked = entries.filter((entry) => states.includes(entry.state) && isMeant(entry))
          carriedOut = this.#carryOut(command, asked)
          for (const entry of entries) operations.forgetIfIdle(entry)
          return page.at(-1)?.id
        },
      )
      await carriedOut
      if (after === undefined) break
    }
    await this.#arrived(members, command)
  }

  /** Resolves when it is durable that these are through with it. */
  async #carryOut({event, isThrough}: GroupCommand, members: readonly OperationEntry[]): Promise<void> {
    const {operations, commands} = this.#options
    // A page may come when the engine has stopped: whoever was woken then would remove files that the next session goes on from.
    operations.requireRunning()
    const moved = members.filter((entry) => commands.tryCommand(entry, event()))
    await Promise.all(moved.map((entry) => whenSnapshot(entry, (snapshot) => isThrough(lifeStateOf(snapshot)))))
    await operations.settled(moved)
  }

  /** Whom an earlier command has sent there, or is about to, takes no other: it is waited for, too, until that is durable. */
  async #arrived(members: Members, {isThrough}: GroupCommand): Promise<void> {
    const {operations} = this.#options
    const known = [...operations.all()].filter((entry) => isAmong(members, entry))
    const arriving = known.filter(({path, state}) => ARRIVING.has(path) && !isThrough(state))
    await Promise.all(arriving.map((entry) => whenSnapshot(entry, (snapshot) => isThrough(lifeStateOf(snapshot)))))
    // Once, and not until nothing more is to be told: others of the group may go on and on.
    await Promise.all(known.map(({state, tail}) => (isThrough(state) ? tail : undefined)))
    // The end of the engine ends all these waits, too, whether or not what they waited for is durable.
    operations.requireRunning()
  }

  /** Members whose charts take the command: where they went is being written, or was not worth a write. */
  #aheadOfTheStore(members: Members, asked: OperationEvent): readonly OperationEntry[] {
    const ahead = [...this.#options.operations.all()].filter(
      (entry) => isAmong(members, entry) && entry.snapshot?.can(asked) === true,
    )
    return ahead.sort((a, b) => (a.record.id < b.record.id ? -1 : 1))
  }
}

function isAmong({group, app}: Members, {record}: OperationEntry): boolean {
  return record.policy.group === group && (app === undefined || record.app === app)
}

/** Resolves when the chart is there, has ended, or is put away. */
async function whenSnapshot({actor}: OperationEntry, isThere: (snapshot: OperationSnapshot) => boolean): Promise<void> {
  if (actor === undefined) return
  const isOver = (snapshot: OperationSnapshot) => snapshot.status !== 'active' || isThere(snapshot)
  await waitFor(actor, isOver, {timeout: Number.POSITIVE_INFINITY}).catch(() => undefined)
}
