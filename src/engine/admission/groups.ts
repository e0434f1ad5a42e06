/**
 * The transfer groups of an engine: which of them are awake. One that is served, or will be soon, is awake; of all others no more is
 * kept than their turn and who holds a place, and each is read from the store when its turn comes.
 */

import {type Candidate, compareTurns, type Member} from '../../domain/admission.ts'
import {BackgroundTransferBehavior} from '../../domain/behavior.ts'
import {isUnset} from '../../domain/group-settings.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import {originOf} from '../../domain/origin.ts'
import {priorityClass} from '../../domain/priority.ts'
import type {GroupRecord, LineRange, OperationRecord} from '../../domain/record.ts'
import type {RecordStore, WaitingGroup} from '../../ports/record-store.ts'
import type {DurableWrites} from '../operations/durable-writes.ts'
import {AwakeGroup, type GroupMachine, provideGroupMachine} from './awake-group.ts'
import {Rotation} from './rotation.ts'
import {SleepingGroups} from './sleeping-groups.ts'
import {type Waiting, WaitingLine, type WaitingLineOptions} from './waiting-line.ts'

/** Enough that what is served again soon is not read again. */
export const MOST_AWAKE = 64

/** So many are read at once, in the order of their turns. */
const READ_AHEAD = 16

export interface GroupsOptions {
  readonly store: RecordStore
  readonly writes: DurableWrites
  /** So many may be awake that have nobody running. */
  readonly mostAwake: number
  readonly isLive: (id: OperationId) => boolean
  readonly admit: (id: OperationId, record: OperationRecord | undefined) => void
  readonly displace: (id: OperationId) => void
  /** Origins, and applications by their gates, that take nobody now. */
  readonly closedOrigins: () => ReadonlySet<string>
  readonly gateOf: (record: OperationRecord) => string | undefined
  /** How many hold a slot: groups that have one of them stay awake. */
  readonly running: () => number
  /** Somebody may want a slot. */
  readonly onOffers: () => void
  /** The line of a group was not read, or its settings were not written; the store is asked again. */
  readonly onUnread: (error: unknown) => void
  readonly onUnwritten: (error: unknown) => void
}

/** How a group stands now. */
export interface GroupStanding {
  readonly name: string
  readonly behavior: BackgroundTransferBehavior
  /** The group chart's state. */
  readonly state: string
  /** Members that run or keep a place. */
  readonly members: readonly OperationId[]
  /** The heads of its waiting line, in order; none of a group whose turn is far away. */
  readonly line: readonly OperationId[]
}

export class Groups {
  readonly rotation = new Rotation()
  readonly #options: GroupsOptions
  readonly #machine: GroupMachine
  readonly #awake = new Map<string, AwakeGroup>()
  /** Those that somebody is leaving. */
  readonly #left = new Set<AwakeGroup>()
  readonly #asleep = new SleepingGroups(this.rotation)
  /** Every group that has a setting: small, and asked for without waiting. */
  readonly #records = new Map<string, GroupRecord>()
  /** Sequences below this wait for attachAsync. */
  #floor = 0

  constructor(options: GroupsOptions) {
    this.#options = options
    this.#machine = provideGroupMachine({...options, headsOf: (name) => this.heads(name)})
  }

  /** What recovery read: the groups' own records, and which of them have somebody waiting. */
  load(records: readonly GroupRecord[], waiting: readonly WaitingGroup[], floor: number): void {
    this.#floor = floor
    for (const record of records) this.#remember(record)
    for (const group of waiting) this.#meet(group)
  }

  record(name: string): GroupRecord {
    return this.#records.get(name) ?? {name, behavior: 0}
  }

  /** Every group that has a setting. */
  records(): readonly GroupRecord[] {
    return [...this.#records.values()]
  }

  /** Remembers a group; resolves when that is durable. Rejects when the engine closes first. */
  keep(record: GroupRecord): Promise<void> {
    const {name} = record
    const {store, writes, onUnwritten} = this.#options
    this.#remember(record)
    return writes.persist(() => store.saveGroup(this.record(name)), onUnwritten)
  }

  /** Written with the group's next change, or now if nothing is left of it to be changed. */
  note(record: GroupRecord): void {
    // Rejects only when the engine closes before a failing store took it; that was logged.
    if (isUnset(record)) this.keep(record).catch(() => undefined)
    else this.#remember(record)
  }

  #remember(record: GroupRecord): void {
    if (isUnset(record)) this.#records.delete(record.name)
    else this.#records.set(record.name, record)
  }

  async setBehavior(name: string, behavior: BackgroundTransferBehavior): Promise<void> {
    const saved = this.keep({...this.record(name), behavior})
    if (this.#asleep.has(name) || this.#awake.has(name)) {
      const group = this.wake(name)
      group.send({type: 'behavior.changed', behavior})
      this.lineChanged(group)
    }
    await saved
  }

  /** The group with its actor, whatever it was. */
  wake(name: string): AwakeGroup {
    const known = this.#awake.get(name)
    if (known !== undefined) return known
    this.#makeRoom()
    const sleeping = this.#asleep.rouse(name)
    const {front = []} = this.record(name)
    const {closedOrigins} = this.#options
    const group: AwakeGroup = new AwakeGroup({
      name,
      machine: this.#machine,
      line: this.#createLine(name, front, sleeping === undefined, {
        onChange: () => {
          group.lineRead()
          this.lineChanged(group)
        },
        onUnread: (error) => group.lineUnread(error),
      }),
      sleeping,
      rotation: this.rotation,
      behavior: () => this.record(name).behavior,
      closedOrigins,
    })
    this.#awake.set(name, group)
    group.start()
    if (closedOrigins().size > 0) group.tellOrigins()
    return group
  }

  /** The groups whose turns come next are read. */
  readAhead(count: number): void {
    const next = this.rotation.next(Math.min(count, READ_AHEAD), this.#options.closedOrigins())
    for (const {group} of next) this.wake(group)
  }

  /** A queued record is durable, and takes part. */
  enter(record: OperationRecord): void {
    const name = record.policy.group
    const mustWake = this.#floor > 0 || this.#isRoomy
    const group = mustWake ? this.wake(name) : this.#awake.get(name)
    if (group === undefined) {
      const origin = originOf(record.request.url)
      this.#meet({name, priorityClass: priorityClass(record.policy.priority)}, origin)
      this.#options.onOffers()
    } else if (record.sequence < this.#floor) {
      group.line.admitBelowFloor(record)
    } else {
      group.line.enter(record)
    }
  }

  /** Everything that waits takes part from now on. */
  dropFloor(waiting: readonly WaitingGroup[]): void {
    this.#floor = 0
    for (const group of this.#awake.values()) {
      group.line.dropFloor()
      this.lineChanged(group)
    }
    for (const group of waiting) this.#meet(group)
    this.#options.onOffers()
  }

  /** A member that holds its place needs no actor of its group. */
  hold(name: string, member: Member): boolean {
    return this.#asleep.hold(name, member)
  }

  /** A member has ended, or went back into the line: its group hears of all who leave in one turn at once. */
  leave(name: string, id: OperationId): void {
    const group = this.wake(name)
    group.leave(id)
    this.#left.add(group)
  }

  /** What was not told yet of members that have left is told. */
  settle(): void {
    for (const group of this.#left) {
      this.#left.delete(group)
      group.settle()
      this.putAwayIfIdle(group)
    }
  }

  lineChanged(group: AwakeGroup): void {
    group.tellLine()
    this.#lineTold(group)
  }

  /**
   * Its next ones take slots, at most `count`, and leave the line. More than one may be offered while no origin and no
   * application can be full before they are taken. All who are admitted, as their line knows them or else their chart.
   */
  offerSlots(group: AwakeGroup, count: number): readonly (Member | Candidate | Waiting)[] {
    const takers = group.offerSlots(count)
    this.#lineTold(group)
    return takers
  }

  /** Whether its members run side by side, so that several may be admitted at once. */
  isParallel({name}: AwakeGroup): boolean {
    return this.record(name).behavior === BackgroundTransferBehavior.parallel
  }

  /** Whether the group counts this member, just so. */
  counts(name: string, member: Member): boolean {
    return this.#awake.get(name)?.counts(member) === true
  }

  #lineTold(group: AwakeGroup): void {
    group.lookAhead()
    this.putAwayIfIdle(group)
    this.#options.onOffers()
  }

  originsChanged(): void {
    for (const group of this.#awake.values()) group.tellOrigins()
    this.#asleep.originsChanged()
    this.#options.onOffers()
  }

  /** Whether somebody would be admitted if this origin took one more. */
  isAwaited(origin: string): boolean {
    for (const group of this.#awake.values()) if (group.awaits(origin)) return true
    return this.#asleep.mayAwait(origin)
  }

  /** An idle group's settings are all that is left of it. */
  putAwayIfIdle(group: AwakeGroup): void {
    if (!group.isIdle || this.#awake.get(group.name) !== group) return
    this.#putAway(group)
    const {front = [], ...settings} = this.record(group.name)
    // Of those below the floor it is not known whether they wait.
    if (front.length > 0 && this.#floor === 0) this.note(settings)
  }

  /** The group, if it is awake. */
  find(name: string): AwakeGroup | undefined {
    return this.#awake.get(name)
  }

  /** The waiting heads of a group, in order. */
  heads(name: string): readonly Waiting[] {
    return this.#awake.get(name)?.line.heads ?? []
  }

  members(name: string): readonly Member[] {
    return this.#awake.get(name)?.snapshot().context.members ?? this.#asleep.members(name)
  }

  /** At most `limit`: first those that are awake. */
  standings(limit: number): readonly GroupStanding[] {
    const standings: GroupStanding[] = []
    const seen = new Set<string>()
    for (const names of [this.#awake.keys(), this.#asleep.names(), this.#records.keys()]) {
      for (const name of names) {
        if (standings.length >= limit) return standings
        if (!seen.has(name)) standings.push(this.#standing(name))
        seen.add(name)
      }
    }
    return standings
  }

  #standing(name: string): GroupStanding {
    return {
      name,
      behavior: this.record(name).behavior,
      state: this.#awake.get(name)?.snapshot().value ?? this.#asleep.stateOf(name) ?? 'idle',
      members: this.members(name).map(({id}) => id),
      line: this.heads(name).map(({id}) => id),
    }
  }

  #createLine(
    group: string,
    front: readonly LineRange[],
    isEmpty: boolean,
    hears: Pick<WaitingLineOptions, 'onChange' | 'onUnread'>,
  ): WaitingLine {
    const {store, writes, isLive, gateOf, onUnread} = this.#options
    const insist = <T>(read: () => Promise<T>) =>
      writes.persist(read, (error) => {
        // Others need not wait until it can be read.
        this.rotation.withdraw(group)
        onUnread(error)
        this.#options.onOffers()
      })
    return new WaitingLine({group, store, floor: this.#floor, isLive, gateOf, insist, ...hears}, front, isEmpty)
  }

  /** Somebody of this class waits in the group; it is not known who. */
  #meet(group: WaitingGroup, origin?: string): void {
    const {name} = group
    if (this.#awake.has(name)) return
    this.#asleep.meet(group, origin)
    if (this.#isRoomy) this.wake(name)
  }

  get #isRoomy(): boolean {
    return this.#awake.size < this.#options.mostAwake + this.#options.running()
  }

  /** Puts groups to sleep whose turn comes last, while too many are awake. */
  #makeRoom(): void {
    while (!this.#isRoomy) {
      let last: AwakeGroup | undefined
      for (const group of this.#awake.values()) {
        if (last !== undefined && compareTurns(turnOf(last), turnOf(group)) > 0) continue
        if (this.#floor === 0 && group.maySleep) last = group
      }
      if (last === undefined) return
      this.#sleep(last)
    }
  }

  #sleep(group: AwakeGroup): void {
    const {sleeping, offer} = group.rest()
    this.#putAway(group)
    this.#asleep.lay(group.name, sleeping, offer)
  }

  #putAway(group: AwakeGroup): void {
    this.#awake.delete(group.name)
    this.rotation.withdraw(group.name)
    group.stop()
  }
}

function turnOf({name, lastServed}: AwakeGroup) {
  return {group: name, lastServed}
}
