/**
 * The transfer groups of an engine. One that is served, or will be soon, is awake: it has the actor of its chart and the heads of
 * its line in memory. Of all others no more is kept than whose turn it is and which members hold their places, so that a hundred
 * thousand groups may wait at once; each is read from the store when its turn comes.
 */

import {createActor} from 'xstate'
import {type GroupActor, type GroupEvent, groupMachine} from '../../machines/group.machine.ts'
import {
  type Admission,
  type Candidate,
  compareTurns,
  type Member,
  nextAdmission,
  nextAdmissions,
} from '../domain/admission.ts'
import {BackgroundTransferBehavior} from '../domain/behavior.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {originOf} from '../domain/origin.ts'
import {type PriorityClass, priorityClass} from '../domain/priority.ts'
import type {GroupRecord, LineRange, OperationRecord} from '../domain/record.ts'
import type {RecordStore, WaitingGroup} from '../ports/record-store.ts'
import type {DurableWrites} from './durable-writes.ts'
import {Rotation} from './rotation.ts'
import {candidateOf, candidatesOf, isShut, type Waiting, WaitingLine} from './waiting-line.ts'

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

/** A group that is awake. */
export interface AwakeGroup {
  readonly name: string
  readonly actor: GroupActor
  readonly line: WaitingLine
  /** Members that are none any more, which its chart has not heard yet. */
  leaving: OperationId[]
  /** What it would admit now; absent while it wants no slot. */
  offer: (Admission & {readonly kind: 'admit'}) | undefined
  /** Commands for the whole group that are under way. */
  suspensions: number
  lastServed: number
  /** What waits until the heads of its line are known; absent since they were read for the first time. */
  afterReading: (() => void)[] | undefined
}

/** A group of which no more than this is in memory. */
interface SleepingGroup {
  readonly lastServed: number
  /** Members that hold their places. */
  readonly members: readonly Member[]
  /** It waits for a change of origins, and of more than one. */
  readonly isStuck: boolean
}

type ProvidedGroupMachine = ReturnType<typeof provideGroupMachine>

export class Groups {
  readonly rotation = new Rotation()
  readonly #options: GroupsOptions
  readonly #machine: ProvidedGroupMachine
  readonly #awake = new Map<string, AwakeGroup>()
  /** Those that somebody is leaving. */
  readonly #left = new Set<AwakeGroup>()
  readonly #asleep = new Map<string, SleepingGroup>()
  /** Every group that was ever given a setting: small, and asked for without waiting. */
  readonly #records = new Map<string, GroupRecord>()
  /** Sequences below this wait for attachAsync. */
  #floor = 0

  constructor(options: GroupsOptions) {
    this.#options = options
    this.#machine = provideGroupMachine(options, (name) => this.heads(name))
  }

  /** What recovery read: the groups' own records, and which of them have somebody waiting. */
  load(records: readonly GroupRecord[], waiting: readonly WaitingGroup[], floor: number): void {
    this.#floor = floor
    for (const record of records) this.#records.set(record.name, record)
    for (const group of waiting) this.#meet(group)
  }

  record(name: string): GroupRecord {
    return this.#records.get(name) ?? {name, behavior: 0}
  }

  /** Every group that was ever given a setting. */
  records(): readonly GroupRecord[] {
    return [...this.#records.values()]
  }

  /** Remembers a group; resolves when that is durable. Rejects when the engine closes first. */
  keep(record: GroupRecord): Promise<void> {
    const {name} = record
    const {store, writes, onUnwritten} = this.#options
    this.#records.set(name, record)
    return writes.persist(() => store.saveGroup(this.record(name)), onUnwritten)
  }

  /** Written with the group's next change. */
  note(record: GroupRecord): void {
    this.#records.set(record.name, record)
  }

  async setBehavior(name: string, behavior: BackgroundTransferBehavior): Promise<void> {
    const saved = this.keep({...this.record(name), behavior})
    if (this.#asleep.has(name) || this.#awake.has(name)) {
      const group = this.wake(name)
      this.send(group, {type: 'behavior.changed', behavior})
      this.lineChanged(group)
    }
    await saved
  }

  /** The group with its actor, whatever it was. */
  wake(name: string): AwakeGroup {
    const known = this.#awake.get(name)
    if (known !== undefined) return known
    this.#makeRoom()
    const sleeping = this.#asleep.get(name)
    this.#asleep.delete(name)
    const {behavior, front = []} = this.record(name)
    const members = sleeping?.members ?? []
    const group: AwakeGroup = {
      name,
      actor: createActor(this.#machine, {id: `group:${name}`, input: {name, behavior, members}}),
      line: this.#createLine(name, front, sleeping === undefined, () => this.#lineRead(group)),
      leaving: [],
      offer: undefined,
      suspensions: 0,
      // It stands behind those that wait for their turn: new groups without end cannot starve an old one.
      lastServed: sleeping?.lastServed ?? this.rotation.turn,
      afterReading: sleeping === undefined ? undefined : [],
    }
    this.#awake.set(name, group)
    group.actor.start()
    group.line.refill()
    if (this.#options.closedOrigins().size > 0) this.#tellOrigins(group)
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
    const sleeping = this.#asleep.get(name)
    if (sleeping === undefined) return false
    const others = sleeping.members.filter(({id}) => id !== member.id)
    this.#asleep.set(name, {...sleeping, members: [...others, member]})
    return true
  }

  /** A member has ended, or went back into the line: its group hears of all who leave in one turn at once. */
  leave(name: string, id: OperationId): void {
    const group = this.wake(name)
    group.leaving.push(id)
    this.#left.add(group)
  }

  /** What was not told yet of members that have left is told. */
  settle(): void {
    for (const group of this.#left) {
      this.#left.delete(group)
      this.#settle(group)
      this.putAwayIfIdle(group)
    }
  }

  #settle(group: AwakeGroup): void {
    const ids = group.leaving
    if (ids.length === 0) return
    group.leaving = []
    this.send(group, {type: 'members.left', ids})
  }

  /** Where its chart stands, all that happened considered. */
  #snapshotOf(group: AwakeGroup): ReturnType<GroupActor['getSnapshot']> {
    this.#settle(group)
    return group.actor.getSnapshot()
  }

  send(group: AwakeGroup, event: GroupEvent): void {
    this.#settle(group)
    const {name, lastServed} = group
    group.actor.send(event)
    const snapshot = group.actor.getSnapshot()
    const next = snapshot.hasTag('wanting') ? nextAdmission(snapshot.context) : undefined
    group.offer = next?.kind === 'admit' ? next : undefined
    if (group.offer !== undefined) {
      this.rotation.offer({group: name, priorityClass: group.offer.priorityClass, lastServed})
    } else if (group.afterReading === undefined) {
      this.rotation.withdraw(name)
    }
  }

  lineChanged(group: AwakeGroup): void {
    const line = candidatesOf(group.line, this.#options.closedOrigins())
    this.send(group, {type: 'line.changed', line})
    this.#lineTold(group)
  }

  /**
   * Its next ones take slots, at most `count`, and leave the line. More than one may be offered while no origin and no
   * application can be full before they are taken. All who are admitted, as their line knows them or else their chart.
   */
  offerSlots(group: AwakeGroup, count: number): readonly (Member | Candidate | Waiting)[] {
    const {context} = this.#snapshotOf(group)
    const waiting = group.line.heads
    const heads = count === 1 ? context.line : waiting.slice(0, count).map(candidateOf)
    const ids = nextAdmissions({...context, line: heads}, count)
    const known = new Map<OperationId, Member | Candidate | Waiting>()
    for (const each of [...context.members, ...heads, ...waiting]) known.set(each.id, each)
    const takers = ids.flatMap((id) => known.get(id) ?? [])
    const line = candidatesOf(group.line, this.#options.closedOrigins(), ids)
    this.send(group, {type: 'slots.offered', count, heads, line})
    for (const id of ids) group.line.leave(id)
    this.#lineTold(group)
    return takers
  }

  /** Whether its members run side by side, so that several may be admitted at once. */
  isParallel({name}: AwakeGroup): boolean {
    return this.record(name).behavior === BackgroundTransferBehavior.parallel
  }

  /** Whether the group counts this member, just so. */
  counts(name: string, member: Member): boolean {
    const group = this.#awake.get(name)
    const known = group && this.#snapshotOf(group).context.members.find(({id}) => id === member.id)
    return (
      known !== undefined &&
      known.phase === member.phase &&
      known.priority === member.priority &&
      known.origin === member.origin &&
      known.gate === member.gate
    )
  }

  #lineTold(group: AwakeGroup): void {
    this.#lookAhead(group)
    this.putAwayIfIdle(group)
    this.#options.onOffers()
  }

  originsChanged(): void {
    for (const group of this.#awake.values()) this.#tellOrigins(group)
    for (const [name, sleeping] of this.#asleep) {
      if (!sleeping.isStuck) continue
      this.#asleep.set(name, {...sleeping, isStuck: false})
      this.rotation.offer({group: name, priorityClass: 1, lastServed: sleeping.lastServed})
    }
    this.#options.onOffers()
  }

  /** Whether somebody would be admitted if this origin took one more. */
  isAwaited(origin: string): boolean {
    for (const group of this.#awake.values()) {
      const snapshot = this.#snapshotOf(group)
      const {closedOrigins = []} = snapshot.context
      if (snapshot.matches('suspended') || !closedOrigins.includes(origin)) continue
      const open = {...snapshot.context, closedOrigins: closedOrigins.filter((closed) => closed !== origin)}
      if (nextAdmission(open).kind === 'admit') return true
    }
    return this.rotation.isParked(origin) || [...this.#asleep.values()].some(({isStuck}) => isStuck)
  }

  /** An idle group's settings are all that is left of it. */
  putAwayIfIdle(group: AwakeGroup): void {
    if (!group.line.isEmpty || !this.#snapshotOf(group).hasTag('idle')) return
    if (this.#awake.get(group.name) === group) this.#putAway(group)
  }

  /** Calls `act` when the heads of the line are known. */
  whenRead(group: AwakeGroup, act: () => void): void {
    if (group.afterReading === undefined) act()
    else group.afterReading.push(act)
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
    const group = this.#awake.get(name)
    return (group && this.#snapshotOf(group).context.members) ?? this.#asleep.get(name)?.members ?? []
  }

  /** At most `limit`: first those that are awake. */
  standings(limit: number): readonly GroupStanding[] {
    const standings: GroupStanding[] = []
    const seen = new Set<string>()
    for (const names of [this.#awake, this.#asleep, this.#records]) {
      for (const name of names.keys()) {
        if (standings.length >= limit) return standings
        if (!seen.has(name)) standings.push(this.#standing(name))
        seen.add(name)
      }
    }
    return standings
  }

  #standing(name: string): GroupStanding {
    const group = this.#awake.get(name)
    const state = group && this.#snapshotOf(group).value
    const asleep = this.rotation.offerOf(name) === undefined ? 'satisfied' : 'wanting'
    return {
      name,
      behavior: this.record(name).behavior,
      state: state ?? (this.#asleep.has(name) ? asleep : 'idle'),
      members: this.members(name).map(({id}) => id),
      line: this.heads(name).map(({id}) => id),
    }
  }

  #createLine(group: string, front: readonly LineRange[], isEmpty: boolean, onChange: () => void): WaitingLine {
    const {store, writes, isLive, gateOf, onUnread} = this.#options
    const insist = <T>(read: () => Promise<T>) =>
      writes.persist(read, (error) => {
        // Others need not wait until it can be read.
        this.rotation.withdraw(group)
        onUnread(error)
        this.#options.onOffers()
      })
    return new WaitingLine({group, store, floor: this.#floor, isLive, gateOf, insist, onChange}, front, isEmpty)
  }

  #lineRead(group: AwakeGroup): void {
    const waiting = group.afterReading
    if (waiting !== undefined && !group.line.isReading) {
      group.afterReading = undefined
      for (const act of waiting) act()
    }
    this.lineChanged(group)
  }

  /** Somebody of this class waits in the group; it is not known who. */
  #meet({name, priorityClass}: WaitingGroup, origin?: string): void {
    if (this.#awake.has(name)) return
    const sleeping = this.#asleep.get(name)
    if (sleeping === undefined) this.#asleep.set(name, {lastServed: this.rotation.turn, members: [], isStuck: false})
    const known = this.rotation.offerOf(name)
    const lastServed = sleeping?.lastServed ?? this.rotation.turn
    const isSame = sleeping === undefined || (known !== undefined && known.origin === origin)
    const highest = Math.min(priorityClass, known?.priorityClass ?? priorityClass) as PriorityClass
    this.rotation.offer({group: name, priorityClass: highest, lastServed, origin: isSame ? origin : undefined})
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
        if (this.#maySleep(group)) last = group
      }
      if (last === undefined) return
      this.#sleep(last)
    }
  }

  #maySleep(group: AwakeGroup): boolean {
    const {line, suspensions, afterReading} = group
    if (this.#floor > 0 || suspensions > 0 || line.isReading || afterReading !== undefined) return false
    const {context} = this.#snapshotOf(group)
    return context.current === undefined && context.members.every(({phase}) => phase !== 'running')
  }

  #sleep(group: AwakeGroup): void {
    const {name, line, lastServed} = group
    const {members} = this.#snapshotOf(group).context
    const offer = this.rotation.offerOf(name)
    const [head] = line.heads
    const wants = head !== undefined || members.some(({phase}) => phase === 'returning')
    const closed = this.#options.closedOrigins()
    const isWaiting = offer === undefined && wants && closed.size > 0
    const isOneOrigin =
      isWaiting &&
      members.length === 0 &&
      head !== undefined &&
      closed.has(head.origin) &&
      line.heads.every(({origin}) => origin === head.origin)
    this.#putAway(group)
    this.#asleep.set(name, {lastServed, members, isStuck: isWaiting && !isOneOrigin})
    if (offer !== undefined) this.rotation.offer(offer)
    else if (isOneOrigin) {
      this.rotation.offer({group: name, priorityClass: head.priorityClass, lastServed, origin: head.origin})
    }
  }

  #putAway(group: AwakeGroup): void {
    this.#awake.delete(group.name)
    this.rotation.withdraw(group.name)
    group.actor.stop()
  }

  #tellOrigins(group: AwakeGroup): void {
    const closed = this.#options.closedOrigins()
    this.send(group, {type: 'origins.changed', closed: [...closed], line: candidatesOf(group.line, closed)})
    this.#lookAhead(group)
  }

  /** Whoever waits behind a crowd whose origin takes nobody must not wait for the crowd. */
  #lookAhead({name, line}: AwakeGroup): void {
    const closed = this.#options.closedOrigins()
    if (closed.size === 0) return
    const ordered = this.record(name).behavior === BackgroundTransferBehavior.serialized
    const isStuck = (each: Waiting) => isShut(each, closed) && (!ordered || each.priorityClass === 0)
    if (line.heads.every(isStuck)) line.lookFurther()
  }
}

function turnOf({name, lastServed}: AwakeGroup) {
  return {group: name, lastServed}
}

/** One for all groups: each provided machine is a chart of its own in memory. */
function provideGroupMachine({admit, displace}: GroupsOptions, headsOf: (group: string) => readonly Waiting[]) {
  // In microtasks: one chart's action must not step another chart.
  return groupMachine().provide({
    actions: {
      admit: ({context}, {ids}) => {
        const heads = headsOf(context.name)
        for (const id of ids) {
          const record = heads.find((each) => each.id === id)?.record
          queueMicrotask(() => admit(id, record))
        }
      },
      displace: (_, {ids}) => {
        queueMicrotask(() => ids.forEach(displace))
      },
    },
  })
}
