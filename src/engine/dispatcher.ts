/**
 * Who gets the next free slot. Capacity is the engine's: every change asks the group actors in turn, the group served
 * longest ago first within a class (src/domain/admission.ts), until nobody wants a slot or none is free.
 */

import {createActor} from 'xstate'
import {type GroupActor, type GroupEvent, groupMachine} from '../../machines/group.machine.ts'
import {
  type Admission,
  chooseGroup,
  countTurn,
  type GroupOffer,
  type Member,
  nextAdmission,
} from '../domain/admission.ts'
import {BackgroundTransferBehavior} from '../domain/behavior.ts'
import {compareInLine, makeCurrent, type Place, pruneFront} from '../domain/line-order.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {priorityClass} from '../domain/priority.ts'
import type {GroupRecord, OperationFacts, OperationRecord} from '../domain/record.ts'
import type {Clock} from '../ports/clock.ts'
import type {RecordStore} from '../ports/record-store.ts'
import type {DurableWrites} from './durable-writes.ts'
import {OriginGates, type OriginRefusal} from './origin-gates.ts'
import {candidatesOf, type Waiting, WaitingLine} from './waiting-line.ts'

export interface DispatcherOptions {
  readonly store: RecordStore
  readonly writes: DurableWrites
  readonly clock: Clock
  readonly capacity: number
  readonly maxConnectionsPerOrigin: number
  readonly isLive: (id: OperationId) => boolean
  /** `record`: what the line knows of it; absent for one that returns. */
  readonly admit: (id: OperationId, record: OperationRecord | undefined) => void
  readonly displace: (id: OperationId) => void
  readonly onError: (error: unknown) => void
  /** The store did not take a group's settings; it is asked again. */
  readonly onRefused: (error: unknown) => void
}

/** How a group stands now. */
export interface GroupStanding {
  readonly name: string
  readonly behavior: BackgroundTransferBehavior
  /** The group chart's state. */
  readonly state: string
  /** Members that run or keep a place. */
  readonly members: readonly OperationId[]
  /** The heads of its waiting line, in order. */
  readonly line: readonly OperationId[]
}

interface Group {
  readonly name: string
  readonly actor: GroupActor
  readonly line: WaitingLine
  /** What it would admit now; absent while it wants no slot. */
  offer: (Admission & {readonly kind: 'admit'}) | undefined
  /** Commands for the whole group that are under way. */
  suspensions: number
  passedOver: number
  lastServed: number
}

/** A member's group, and where in its line it would stand again. */
interface Standing extends Place {
  readonly group: string
}

type ProvidedGroupMachine = ReturnType<typeof provideGroupMachine>

export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #machine: ProvidedGroupMachine
  /** Those that have members or somebody in line; the others are put away. */
  readonly #groups = new Map<string, Group>()
  readonly #wanting = new Set<Group>()
  /** Every group that was ever given a setting: small, and asked for without waiting. */
  readonly #records = new Map<string, GroupRecord>()
  readonly #members = new Map<OperationId, Standing>()
  /** Operations that hold a slot. */
  readonly #slots = new Map<OperationId, string>()
  readonly #origins: OriginGates
  /** Sequences below this wait for attachAsync. */
  #floor = 0
  /** Those below the floor that were attached. */
  readonly #attached = new Set<OperationId>()
  /** The newest turn that any group got. */
  #turn = 0
  #scheduled = false
  #stopped = true

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#machine = provideGroupMachine(options, (name) => this.heads(name))
    this.#origins = new OriginGates(options.clock, options.maxConnectionsPerOrigin, () => this.#originsChanged())
  }

  /** What recovery read: the groups' own records, and which of them have somebody waiting. */
  load(records: readonly GroupRecord[], waiting: readonly string[], floor: number): void {
    this.#floor = floor
    for (const record of records) this.#records.set(record.name, record)
    for (const name of waiting) this.#group(name, false).line.refill()
  }

  start(): void {
    this.#stopped = false
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    this.#origins.stop()
  }

  get runningCount(): number {
    return this.#slots.size
  }

  groupRecord(name: string): GroupRecord {
    return this.#records.get(name) ?? {name, behavior: 0}
  }

  /** Remembers a group; resolves when that is durable. Rejects when the engine closes first. */
  keepGroup(record: GroupRecord): Promise<void> {
    const {name} = record
    const {store, writes, onRefused} = this.#options
    this.#records.set(name, record)
    return writes.persist(() => store.saveGroup(this.groupRecord(name)), onRefused)
  }

  async setBehavior(name: string, behavior: BackgroundTransferBehavior): Promise<void> {
    const saved = this.keepGroup({...this.groupRecord(name), behavior})
    const group = this.#groups.get(name)
    if (group !== undefined) {
      this.#send(group, {type: 'behavior.changed', behavior})
      this.#lineChanged(group)
    }
    await saved
  }

  /** From now on it takes part in the dispatching, whatever its sequence. */
  attach({id, sequence}: OperationFacts): void {
    if (sequence < this.#floor) this.#attached.add(id)
  }

  /** False for what an earlier session left, until it is attached (resumeOnOpen: false). */
  takesPart({id, sequence}: OperationFacts): boolean {
    return sequence >= this.#floor || this.#attached.has(id)
  }

  /** It has ended. */
  forget(id: OperationId): void {
    this.#attached.delete(id)
  }

  /** A queued record is durable: it stands in line, if it takes part. */
  enter(record: OperationRecord): void {
    if (!this.takesPart(record)) return
    const line = this.#group(record.policy.group, true).line
    if (record.sequence < this.#floor) line.admitBelowFloor(record)
    else line.enter(record)
  }

  /** Many queued records are durable. */
  enterMany(records: readonly OperationRecord[]): void {
    for (const record of records) this.enter(record)
  }

  leaveLine(name: string, id: OperationId): void {
    const group = this.#groups.get(name)
    if (group === undefined) return
    group.line.leave(id)
    if (this.#members.has(id)) return
    this.#send(group, {type: 'member.left', id})
    this.#lineChanged(group)
  }

  /** Everything that waits takes part from now on (`bgt resume`). */
  async dropFloor(): Promise<void> {
    this.#floor = 0
    this.#attached.clear()
    for (const name of await this.#options.store.waitingGroups()) this.#group(name, false)
    for (const group of this.#groups.values()) group.line.dropFloor()
  }

  /** `undefined`: it neither runs nor keeps a place. What takes no part keeps none; what finishes by itself needs its slot. */
  memberChanged(record: OperationFacts, phase: Member['phase'] | undefined): void {
    const {id, policy, request, sequence} = record
    if (phase === undefined || (phase !== 'running' && !this.takesPart(record))) {
      this.release(id)
      return
    }
    const {origin} = new URL(request.url)
    if (phase === 'running') this.#takeSlot(id, origin)
    else this.#giveSlot(id)
    this.#members.set(id, {group: policy.group, priorityClass: priorityClass(policy.priority), sequence})
    const group = this.#group(policy.group, true)
    this.#send(group, {type: 'member.changed', member: {id, priority: policy.priority, phase, origin}})
    this.#schedule()
  }

  /** Its origin answered 429 or 503 with Retry-After: everybody who wants it waits, and one asks again. */
  originOverloaded(url: string, id: OperationId, quietMs: number): void {
    this.#origins.overloaded(new URL(url).origin, id, quietMs)
  }

  /** Its origin answered it with what it asked for. */
  originAnswered(url: string, id: OperationId): void {
    this.#origins.answered(new URL(url).origin, id)
  }

  /** Why an origin takes nobody now. */
  originRefusal(url: string): OriginRefusal | undefined {
    return this.#origins.refusal(new URL(url).origin)
  }

  #takeSlot(id: OperationId, origin: string): void {
    if (this.#slots.has(id)) return
    this.#slots.set(id, origin)
    this.#origins.take(origin, id)
  }

  #giveSlot(id: OperationId): void {
    const origin = this.#slots.get(id)
    if (origin === undefined) return
    this.#slots.delete(id)
    this.#origins.give(origin, id)
  }

  #originsChanged(): void {
    if (this.#stopped) return
    for (const group of this.#groups.values()) this.#tellOrigins(group)
    this.#schedule()
  }

  #tellOrigins(group: Group): void {
    const {closed} = this.#origins
    this.#send(group, {type: 'origins.changed', closed: [...closed], line: candidatesOf(group.line, closed)})
    this.#lookAhead(group)
  }

  /** It neither runs nor keeps a place: it ended, went back into the line, or turned out not to run when it was admitted. */
  release(id: OperationId): void {
    this.#giveSlot(id)
    const group = this.#groups.get(this.#members.get(id)?.group ?? '')
    if (this.#members.delete(id) && group !== undefined) {
      this.#send(group, {type: 'member.left', id})
      this.#putAwayIfIdle(group)
    }
    this.#schedule()
  }

  /**
   * Moves a queued member and those behind it to the front (11.4). Nothing changes for one that has a place already, or that
   * is first and has nobody to displace.
   */
  async makeCurrent(facts: OperationFacts, lastSequence: number): Promise<void> {
    const {id, policy, sequence} = facts
    if (this.#members.has(id)) return
    const group = this.#group(policy.group, true)
    if (group.line.heads[0]?.id === id && this.members(policy.group).length === 0) return
    const kept = this.groupRecord(policy.group)
    const place = {priorityClass: priorityClass(policy.priority), sequence}
    const front = makeCurrent(kept.front ?? [], place, lastSequence)
    const saved = this.keepGroup({...kept, front})
    group.line.reorder(front)
    this.#lineChanged(group)
    this.#send(group, {type: 'member.madeCurrent', id})
    await saved
  }

  /** Nobody of the group is admitted until it is resumed, once for each time. */
  suspendGroup(name: string): void {
    const group = this.#group(name, true)
    group.suspensions += 1
    this.#send(group, {type: 'group.suspend'})
  }

  resumeGroup(name: string): void {
    const group = this.#groups.get(name)
    if (group === undefined) return
    group.suspensions -= 1
    if (group.suspensions > 0) return
    this.#send(group, {type: 'group.resume'})
    this.#putAwayIfIdle(group)
    this.#schedule()
  }

  /** The waiting heads of a group, in order. */
  heads(group: string): readonly Waiting[] {
    return this.#groups.get(group)?.line.heads ?? []
  }

  members(group: string): readonly Member[] {
    return this.#groups.get(group)?.actor.getSnapshot().context.members ?? []
  }

  standings(): readonly GroupStanding[] {
    return [...new Set([...this.#records.keys(), ...this.#groups.keys()])].map((name) => ({
      name,
      behavior: this.groupRecord(name).behavior,
      state: this.#groups.get(name)?.actor.getSnapshot().value ?? 'idle',
      members: this.members(name).map(({id}) => id),
      line: this.heads(name).map(({id}) => id),
    }))
  }

  #group(name: string, isEmpty: boolean): Group {
    const known = this.#groups.get(name)
    if (known !== undefined) return known
    const record = this.groupRecord(name)
    const {store, isLive, onError} = this.#options
    const actor = createActor(this.#machine, {id: `group:${name}`, input: {name, behavior: record.behavior}})
    const line = new WaitingLine(
      {group: name, store, floor: this.#floor, isLive, onError, onChange: () => this.#lineChanged(group)},
      record.front ?? [],
      isEmpty,
    )
    // It stands behind those that wait for their turn: new groups without end cannot starve an old one.
    const group: Group = {
      name,
      actor,
      line,
      offer: undefined,
      suspensions: 0,
      passedOver: 0,
      lastServed: this.#turn,
    }
    this.#groups.set(name, group)
    actor.start()
    if (this.#origins.closed.size > 0) this.#tellOrigins(group)
    return group
  }

  #send(group: Group, event: GroupEvent): void {
    group.actor.send(event)
    const snapshot = group.actor.getSnapshot()
    const next = snapshot.hasTag('wanting') ? nextAdmission(snapshot.context) : undefined
    group.offer = next?.kind === 'admit' ? next : undefined
    if (group.offer === undefined) this.#wanting.delete(group)
    else this.#wanting.add(group)
  }

  #lineChanged(group: Group): void {
    this.#send(group, {type: 'line.changed', line: candidatesOf(group.line, this.#origins.closed)})
    this.#lookAhead(group)
    this.#putAwayIfIdle(group)
    this.#schedule()
  }

  /** Whoever waits behind a crowd whose origin takes nobody must not wait for the crowd. */
  #lookAhead({name, line}: Group): void {
    const {closed} = this.#origins
    if (closed.size === 0) return
    const ordered = this.groupRecord(name).behavior === BackgroundTransferBehavior.serialized
    const isStuck = ({origin, priorityClass}: Waiting) => closed.has(origin) && (!ordered || priorityClass === 0)
    if (line.heads.every(isStuck)) line.lookFurther()
  }

  /** An idle group's settings are all that is left of it. */
  #putAwayIfIdle(group: Group): void {
    if (!group.line.isEmpty || !group.actor.getSnapshot().hasTag('idle')) return
    if (this.#groups.get(group.name) !== group) return
    this.#groups.delete(group.name)
    this.#wanting.delete(group)
    group.actor.stop()
  }

  /** Forgets what makeCurrent moved and is through, so that a group that is reordered often does not carry it along. */
  #prune(group: Group): void {
    const {front, heads, isEmpty} = group.line
    if (front.length === 0 || this.#floor > 0 || (heads.length === 0 && !isEmpty)) return
    const kept: Place[] = heads.slice(0, 1)
    for (const {id} of this.members(group.name)) {
      const place = this.#members.get(id)
      if (place !== undefined) kept.push(place)
    }
    const [first] = kept.sort((a, b) => compareInLine(front, a, b))
    const pruned = first === undefined ? [] : pruneFront(front, first)
    if (pruned.length === front.length) return
    group.line.prune(pruned)
    // Written with the group's next change: those ranges have no members any more, so they do no harm until then.
    this.#records.set(group.name, {...this.groupRecord(group.name), front: pruned})
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#dispatch()
    })
  }

  #dispatch(): void {
    while (!this.#stopped && this.#slots.size < this.#options.capacity) {
      const offers = this.#offers()
      const chosen = chooseGroup(offers)
      const group = chosen === undefined ? undefined : this.#groups.get(chosen)
      if (group?.offer === undefined) return
      for (const {group: name, passedOver, lastServed} of countTurn(offers, group.name)) {
        const counted = this.#groups.get(name)
        if (counted !== undefined) Object.assign(counted, {passedOver, lastServed})
      }
      this.#turn = Math.max(this.#turn, group.lastServed)
      this.#admitNext(group, group.offer.id)
    }
  }

  #admitNext(group: Group, id: OperationId): void {
    const {members, line} = group.actor.getSnapshot().context
    const origin = [...members, ...line].find((each) => each.id === id)?.origin ?? ''
    const waiting = group.line.heads.find((each) => each.id === id)
    if (waiting !== undefined) this.#members.set(id, {...placeOf(waiting), group: group.name})
    this.#send(group, {type: 'slot.offered'})
    group.line.leave(id)
    this.#takeSlot(id, origin)
    this.#prune(group)
    this.#lineChanged(group)
  }

  #offers(): readonly GroupOffer[] {
    const offers: GroupOffer[] = []
    for (const {name, offer, passedOver, lastServed} of this.#wanting) {
      if (offer !== undefined) offers.push({group: name, priorityClass: offer.priorityClass, passedOver, lastServed})
    }
    return offers
  }
}

function placeOf({priorityClass, sequence}: Place): Place {
  return {priorityClass, sequence}
}

/** One for all groups: each provided machine is a chart of its own in memory. */
function provideGroupMachine({admit, displace}: DispatcherOptions, headsOf: (group: string) => readonly Waiting[]) {
  // In microtasks: one chart's action must not step another chart.
  return groupMachine.provide({
    actions: {
      admit: ({context}, {id}) => {
        if (id === undefined) return
        const record = headsOf(context.name).find((each) => each.id === id)?.record
        queueMicrotask(() => admit(id, record))
      },
      displace: (_, {ids}) => {
        queueMicrotask(() => ids.forEach(displace))
      },
    },
  })
}
