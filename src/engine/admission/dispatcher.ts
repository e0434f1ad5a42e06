/**
 * Who gets the next free slot. Capacity is the engine's: every change asks the groups in turn, the one served longest ago first
 * within a class (src/domain/admission.ts), until nobody wants a slot or none is free.
 */

import type {Member} from '../../domain/admission.ts'
import type {Applications} from '../../domain/applications.ts'
import type {BackgroundTransferBehavior} from '../../domain/behavior.ts'
import type {LineMove} from '../../domain/line-move.ts'
import {compareInLine, makeCurrent, type Place, pruneFront} from '../../domain/line-order.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import {originOf} from '../../domain/origin.ts'
import {priorityClass} from '../../domain/priority.ts'
import type {GroupRecord, LineRange, OperationFacts, OperationRecord} from '../../domain/record.ts'
import type {Clock} from '../../ports/clock.ts'
import type {RecordStore, WaitingGroup} from '../../ports/record-store.ts'
import type {DurableWrites} from '../operations/durable-writes.ts'
import type {AwakeGroup} from './awake-group.ts'
import {type GroupStanding, Groups} from './groups.ts'
import {LineMoves} from './line-moves.ts'
import {Slots} from './slots.ts'
import type {Waiting} from './waiting-line.ts'

export interface DispatcherOptions {
  readonly store: RecordStore
  readonly writes: DurableWrites
  readonly clock: Clock
  readonly capacity: number
  readonly maxConnectionsPerOrigin: number
  readonly applications: Applications | undefined
  readonly mostAwake: number
  readonly isLive: (id: OperationId) => boolean
  /** Nobody can be admitted now, whatever is free. */
  readonly isHeld: () => boolean
  /** `record`: what the line knows of it; absent for one that returns. */
  readonly admit: (id: OperationId, record: OperationRecord | undefined) => void
  readonly displace: (id: OperationId) => void
  /** So many operations hold a slot now. */
  readonly onLoad: (running: number) => void
  /** The store did not give the line of a group, or did not take its settings; it is asked again. */
  readonly onUnread: (error: unknown) => void
  readonly onUnwritten: (error: unknown) => void
}

/** A member's group, and where in its line it would stand again. */
interface Standing extends Place {
  readonly group: string
}

export class Dispatcher {
  readonly slots: Slots
  readonly #options: DispatcherOptions
  readonly #groups: Groups
  readonly #members = new Map<OperationId, Standing>()
  readonly #moves: LineMoves
  /** Sequences below this wait for attachAsync. */
  #floor = 0
  /** Those below the floor that were attached. */
  readonly #attached = new Set<OperationId>()
  #scheduled = false
  #stopped = true

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.slots = new Slots({
      ...options,
      onChange: () => {
        if (!this.#stopped) this.#groups.originsChanged()
      },
      isAwaited: (origin) => this.#groups.isAwaited(origin),
    })
    this.#groups = new Groups({
      ...options,
      closedOrigins: () => this.slots.closed,
      gateOf: (record) => this.slots.gateOf(record),
      running: () => this.slots.taken,
      onOffers: () => this.#schedule(),
    })
    this.#moves = new LineMoves({
      ...options,
      front: (name) => this.groupRecord(name).front ?? [],
      reorder: (name, front) => this.#reorder(name, front),
    })
  }

  /** What recovery read: the groups' own records, and which of them have somebody waiting. */
  load(records: readonly GroupRecord[], waiting: readonly WaitingGroup[], floor: number): void {
    this.#floor = floor
    this.#groups.load(records, waiting, floor)
  }

  start(): void {
    this.#stopped = false
    this.#schedule()
  }

  stop(): void {
    this.#stopped = true
    this.slots.stop()
  }

  /** Somebody would be admitted, if a slot for this origin came free. */
  isAwaited(origin: string): boolean {
    if (this.#stopped || this.#options.isHeld()) return false
    return this.#groups.rotation.choose(this.slots.closed) !== undefined || this.#groups.isAwaited(origin)
  }

  groupRecord(name: string): GroupRecord {
    return this.#groups.record(name)
  }

  /** Remembers a group; resolves when that is durable. Rejects when the engine closes first. */
  keepGroup(record: GroupRecord): Promise<void> {
    return this.#groups.keep(record)
  }

  setBehavior(name: string, behavior: BackgroundTransferBehavior): Promise<void> {
    return this.#groups.setBehavior(name, behavior)
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

  /**
   * A queued record is durable: it stands in line, if it takes part. A line that was read from the store meanwhile may have
   * brought it to its turn before its creator could say so: whoever was admitted must not stand in line a second time.
   */
  enter(record: OperationRecord): void {
    if (this.takesPart(record) && !this.#members.has(record.id)) this.#groups.enter(record)
  }

  /** Many queued records are durable. */
  enterMany(records: readonly OperationRecord[]): void {
    for (const record of records) this.enter(record)
  }

  leaveLine(name: string, id: OperationId): void {
    const group = this.#groups.find(name)
    if (group === undefined) return
    group.line.leave(id)
    if (this.#members.has(id)) return
    group.send({type: 'members.left', ids: [id]})
    this.#groups.lineChanged(group)
  }

  /** Everything that waits takes part from now on (`bgt resume`). */
  async dropFloor(): Promise<void> {
    this.#floor = 0
    this.#attached.clear()
    this.#groups.dropFloor(await this.#options.store.waitingGroups())
  }

  /** `undefined`: it neither runs nor keeps a place. What takes no part keeps none; what finishes by itself needs its slot. */
  memberChanged(record: OperationFacts, phase: Member['phase'] | undefined): void {
    const {id, policy, request, sequence} = record
    if (phase === undefined || (phase !== 'running' && !this.takesPart(record))) {
      this.release(id)
      return
    }
    const origin = originOf(request.url)
    const gate = this.slots.gateOf(record)
    if (phase === 'running') this.slots.take(id, {origin, gate})
    else this.slots.give(id)
    this.#members.set(id, {group: policy.group, priorityClass: priorityClass(policy.priority), sequence})
    const member: Member = {id, priority: policy.priority, phase, origin, gate}
    // Whoever runs took its slot from its group, as a rule.
    const isKnown = phase === 'running' && this.#groups.counts(policy.group, member)
    if (!isKnown && (phase !== 'holding' || !this.#groups.hold(policy.group, member))) {
      this.#groups.wake(policy.group).send({type: 'member.changed', member})
    }
    this.#schedule()
  }

  /** It neither runs nor keeps a place: it ended, went back into the line, or turned out not to run when it was admitted. */
  release(id: OperationId): void {
    this.slots.give(id)
    const standing = this.#members.get(id)
    if (standing !== undefined) {
      this.#members.delete(id)
      this.#groups.leave(standing.group, id)
    }
    this.#schedule()
  }

  /**
   * Moves a queued member and those behind it to the front (11.4). Nothing changes for one that has a place already, or that
   * is first and has nobody to displace. Resolves when it is durable.
   */
  makeCurrent(facts: OperationFacts, lastSequence: number): Promise<void> {
    const {id, policy} = facts
    if (this.#members.has(id)) return Promise.resolve()
    const group = this.#groups.wake(policy.group)
    return new Promise((resolve, reject) => {
      // Who is first must be known: nothing of the group is admitted until then.
      group.whenRead(() => this.#moveToFront(group, facts, lastSequence).then(resolve, reject), reject)
    })
  }

  async #moveToFront(group: AwakeGroup, facts: OperationFacts, lastSequence: number): Promise<void> {
    const {id, policy, sequence} = facts
    if (this.#members.has(id)) return
    if (group.line.heads[0]?.id === id && this.members(policy.group).length === 0) return
    const place = {priorityClass: priorityClass(policy.priority), sequence}
    const saved = this.#reorder(policy.group, makeCurrent(this.groupRecord(policy.group).front, place, lastSequence))
    group.send({type: 'member.madeCurrent', id})
    await saved
  }

  /** Moves a waiting member, and no other, to another place in its line. Resolves when it is durable; rejects with ILLEGAL_STATE. */
  move(facts: OperationFacts, to: LineMove, app?: string): Promise<void> {
    return this.#moves.move(facts, to, app)
  }

  async #reorder(name: string, front: readonly LineRange[]): Promise<void> {
    const saved = this.keepGroup({...this.groupRecord(name), front})
    const group = this.#groups.find(name)
    if (group !== undefined) {
      group.line.reorder(front)
      this.#groups.lineChanged(group)
    }
    await saved
  }

  /** Nobody of the group is admitted until it is resumed, once for each time; or nobody of an application in it. */
  suspendGroup(name: string, app: string | undefined): void {
    this.#groups.wake(name).suspend(this.#gateOf(app))
  }

  resumeGroup(name: string, app: string | undefined): void {
    const group = this.#groups.find(name)
    if (group === undefined) return
    group.resume(this.#gateOf(app))
    this.#groups.putAwayIfIdle(group)
    this.#schedule()
  }

  #gateOf(app: string | undefined): string | undefined {
    return app === undefined ? undefined : this.slots.gateOf({app})
  }

  /** The waiting heads of a group, in order; none of one whose turn is far away. */
  heads(group: string): readonly Waiting[] {
    return this.#groups.heads(group)
  }

  members(group: string): readonly Member[] {
    return this.#groups.members(group)
  }

  groupRecords(): readonly GroupRecord[] {
    return this.#groups.records()
  }

  standings(limit: number): readonly GroupStanding[] {
    return this.#groups.standings(limit)
  }

  /** Forgets what makeCurrent moved and is through, so that a group that is reordered often does not carry it along. */
  #prune(group: AwakeGroup): void {
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
    this.#groups.note({...this.groupRecord(group.name), front: pruned})
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
    const {rotation} = this.#groups
    this.#groups.settle()
    while (!this.#stopped && this.slots.free > 0 && !this.#options.isHeld()) {
      const chosen = rotation.choose(this.slots.closed)
      if (chosen === undefined) {
        this.slots.makeWay()
        return
      }
      const group = this.#groups.find(chosen.group)
      if (group?.offer === undefined) {
        // Nobody else takes its turn while its line is read.
        this.#groups.readAhead(this.slots.free)
        return
      }
      group.lastServed = rotation.take(chosen, this.slots.closed)
      this.#admitNext(group)
    }
  }

  #admitNext(group: AwakeGroup): void {
    for (const taker of this.#groups.offerSlots(group, this.#offeredAtOnce(group))) {
      if ('sequence' in taker) this.#members.set(taker.id, {...placeOf(taker), group: group.name})
      this.slots.take(taker.id, {origin: taker.origin ?? '', gate: taker.gate})
    }
    this.#prune(group)
  }

  /** All free slots where nobody else wants one, nobody in line is passed over, and no origin or application can be full before. */
  #offeredAtOnce(group: AwakeGroup): number {
    const {rotation} = this.#groups
    const isAlone = this.slots.areUnrestricted && rotation.hasOneOffer
    return isAlone && !group.isShutForSome && this.#groups.isParallel(group) ? this.slots.free : 1
  }
}

function placeOf({priorityClass, sequence}: Place): Place {
  return {priorityClass, sequence}
}
