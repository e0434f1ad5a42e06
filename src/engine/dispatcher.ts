/**
 * Who gets the next free slot. Capacity is the engine's: every change asks the group actors in turn, the group served
 * longest ago first within a class (src/domain/admission.ts), until nobody wants a slot or none is free.
 */

import {createActor} from 'xstate'
import {type GroupActor, groupMachine} from '../../machines/group.machine.ts'
import {
  type Candidate,
  chooseGroup,
  countTurn,
  type GroupOffer,
  type Member,
  nextAdmission,
} from '../domain/admission.ts'
import type {BackgroundTransferBehavior} from '../domain/behavior.ts'
import {makeCurrent} from '../domain/line-order.ts'
import type {OperationId} from '../domain/operation-id.ts'
import {priorityClass} from '../domain/priority.ts'
import type {GroupRecord, OperationRecord} from '../domain/record.ts'
import type {Clock} from '../ports/clock.ts'
import type {RecordStore} from '../ports/record-store.ts'
import {OriginGates} from './origin-gates.ts'
import {type Waiting, WaitingLine} from './waiting-line.ts'

export interface DispatcherOptions {
  readonly store: RecordStore
  readonly clock: Clock
  readonly capacity: number
  readonly maxConnectionsPerOrigin: number
  /** Sequences below this wait for attachAsync. */
  readonly floor: number
  readonly isLive: (id: OperationId) => boolean
  /** `record`: what the line knows of it; absent for one that returns. */
  readonly admit: (id: OperationId, record: OperationRecord | undefined) => void
  readonly displace: (id: OperationId) => void
  readonly onError: (error: unknown) => void
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
  passedOver: number
  lastServed: number
}

export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #groups = new Map<string, Group>()
  readonly #records = new Map<string, GroupRecord>()
  readonly #groupOf = new Map<OperationId, string>()
  /** Operations that hold a slot. */
  readonly #slots = new Map<OperationId, string>()
  readonly #origins: OriginGates
  #floor: number
  #scheduled = false
  #stopped = true

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#floor = options.floor
    this.#origins = new OriginGates(options.clock, options.maxConnectionsPerOrigin, () => this.#originsChanged())
  }

  /** What recovery read: the groups' own records, and which of them have somebody waiting. */
  load(records: readonly GroupRecord[], waiting: readonly string[]): void {
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

  groupRecords(): readonly GroupRecord[] {
    return [...this.#records.values()]
  }

  /** Remembers a group, durably. */
  async keepGroup(record: GroupRecord): Promise<void> {
    this.#records.set(record.name, record)
    await this.#options.store.saveGroup(record)
  }

  async setBehavior(name: string, behavior: BackgroundTransferBehavior): Promise<void> {
    const saved = this.keepGroup({...this.groupRecord(name), behavior})
    this.#groups.get(name)?.actor.send({type: 'behavior.changed', behavior})
    this.#schedule()
    await saved
  }

  /** A queued record is durable: it takes part. */
  enter(record: OperationRecord): void {
    const line = this.#group(record.policy.group, true).line
    if (record.sequence < this.#floor) line.admitBelowFloor(record)
    else line.enter(record)
  }

  /** Many queued records are durable. */
  enterMany(records: readonly OperationRecord[]): void {
    for (const record of records) this.enter(record)
  }

  leaveLine(group: string, id: OperationId): void {
    const known = this.#groups.get(group)
    if (known === undefined) return
    known.line.leave(id)
    if (this.#groupOf.has(id)) return
    known.actor.send({type: 'member.left', id})
    this.#lineChanged(group)
  }

  /** Everything that waits takes part from now on (`bgt resume`). */
  async dropFloor(): Promise<void> {
    this.#floor = 0
    for (const name of await this.#options.store.waitingGroups()) this.#group(name, false)
    for (const group of this.#groups.values()) group.line.dropFloor()
  }

  /** `undefined`: it neither runs nor keeps a place. */
  memberChanged(record: Pick<OperationRecord, 'id' | 'policy' | 'request'>, phase: Member['phase'] | undefined): void {
    const {id, policy, request} = record
    const {origin} = new URL(request.url)
    if (phase === 'running') this.#takeSlot(id, origin)
    else this.#giveSlot(id)
    const group = this.#group(policy.group, true)
    if (phase === undefined) {
      if (this.#groupOf.delete(id)) group.actor.send({type: 'member.left', id})
    } else {
      this.#groupOf.set(id, policy.group)
      group.actor.send({type: 'member.changed', member: {id, priority: policy.priority, phase, origin}})
    }
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

  #tellOrigins({actor, line}: Pick<Group, 'actor' | 'line'>): void {
    const {closed} = this.#origins
    actor.send({type: 'origins.changed', closed: [...closed], line: headsOf(line, closed)})
  }

  /** An admitted operation turned out not to run. */
  release(id: OperationId): void {
    this.#giveSlot(id)
    const name = this.#groupOf.get(id)
    this.#groupOf.delete(id)
    if (name !== undefined) this.#groups.get(name)?.actor.send({type: 'member.left', id})
    this.#schedule()
  }

  /** Moves a member and those behind it to the front (11.4). */
  async makeCurrent(record: OperationRecord, lastSequence: number): Promise<void> {
    const name = record.policy.group
    const kept = this.groupRecord(name)
    const place = {priorityClass: priorityClass(record.policy.priority), sequence: record.sequence}
    const front = makeCurrent(kept.front ?? [], place, lastSequence)
    const group = this.#group(name, true)
    const saved = this.keepGroup({...kept, front})
    group.line.reorder(front)
    group.actor.send({type: 'member.madeCurrent', id: record.id})
    await saved
  }

  /** Nobody of the group is admitted until it is resumed. */
  suspendGroup(name: string): void {
    this.#group(name, false).actor.send({type: 'group.suspend'})
  }

  resumeGroup(name: string): void {
    this.#groups.get(name)?.actor.send({type: 'group.resume'})
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
    const {store, isLive, onError, admit, displace} = this.#options
    const machine = groupMachine.provide({
      // In microtasks: one chart's action must not step another chart.
      actions: {
        admit: (_, {id}) => {
          if (id === undefined) return
          const record = line.heads.find((each) => each.id === id)?.record
          queueMicrotask(() => admit(id, record))
        },
        displace: (_, {ids}) => {
          queueMicrotask(() => ids.forEach(displace))
        },
      },
    })
    const actor = createActor(machine, {id: `group:${name}`, input: {name, behavior: record.behavior}})
    const line = new WaitingLine(
      {group: name, store, floor: this.#floor, isLive, onError, onChange: () => this.#lineChanged(name)},
      record.front ?? [],
      isEmpty,
    )
    const group: Group = {name, actor, line, passedOver: 0, lastServed: 0}
    this.#groups.set(name, group)
    actor.start()
    if (this.#origins.closed.size > 0) this.#tellOrigins(group)
    return group
  }

  #lineChanged(name: string): void {
    const group = this.#groups.get(name)
    if (group === undefined) return
    group.actor.send({type: 'line.changed', line: headsOf(group.line, this.#origins.closed)})
    this.#schedule()
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
      if (group === undefined) return
      for (const {group: name, passedOver, lastServed} of countTurn(offers, group.name)) {
        const counted = this.#groups.get(name)
        if (counted !== undefined) Object.assign(counted, {passedOver, lastServed})
      }
      const {context} = group.actor.getSnapshot()
      const next = nextAdmission(context)
      group.actor.send({type: 'slot.offered'})
      if (next.kind === 'admit') {
        const member = context.members.find(({id}) => id === next.id) ?? context.line.find(({id}) => id === next.id)
        this.#groupOf.set(next.id, group.name)
        this.#takeSlot(next.id, member?.origin ?? '')
        group.line.leave(next.id)
      }
      group.actor.send({type: 'line.changed', line: headsOf(group.line, this.#origins.closed)})
    }
  }

  #offers(): readonly GroupOffer[] {
    const offers: GroupOffer[] = []
    for (const {name, actor, passedOver, lastServed} of this.#groups.values()) {
      const snapshot = actor.getSnapshot()
      const next = snapshot.hasTag('wanting') ? nextAdmission(snapshot.context) : undefined
      if (next?.kind !== 'admit') continue
      offers.push({group: name, priorityClass: next.priorityClass, passedOver, lastServed})
    }
    return offers
  }
}

/**
 * All that the policy looks at: who is first, who is first among those whose origin takes more, and the first high one of
 * these, who may run beside a serialized member.
 */
function headsOf({heads}: WaitingLine, closed: ReadonlySet<string>): readonly Candidate[] {
  const first = heads[0]
  if (first === undefined) return []
  const open = heads.find(({origin}) => !closed.has(origin))
  const high = heads.find(({origin, priorityClass}) => priorityClass === 0 && !closed.has(origin))
  const wanted = new Set([first, open, high])
  return heads.filter((each) => wanted.has(each)).map(({id, priorityClass, origin}) => ({id, priorityClass, origin}))
}
