/**
 * A transfer group that is awake: the actor of its chart, and the heads of its line. The chart hears of the line, of closed origins
 * and of who has left through this alone; what it would admit after each step stands in the rotation as its offer.
 */

import {createActor} from 'xstate'
import {type GroupActor, type GroupEvent, groupMachine} from '../../../machines/group.machine.ts'
import {type Admission, type Candidate, type Member, nextAdmission, nextAdmissions} from '../../domain/admission.ts'
import {BackgroundTransferBehavior} from '../../domain/behavior.ts'
import type {OperationId} from '../../domain/operation-id.ts'
import type {OperationRecord} from '../../domain/record.ts'
import type {Offer, Rotation} from './rotation.ts'
import type {SleepingGroup} from './sleeping-groups.ts'
import {candidateOf, candidatesOf, isShut, type Waiting, type WaitingLine} from './waiting-line.ts'

export type GroupMachine = ReturnType<typeof groupMachine>

export interface AwakeGroupOptions {
  readonly name: string
  readonly machine: GroupMachine
  readonly line: WaitingLine
  /** As it slept; absent for one that nobody waits in yet. */
  readonly sleeping: SleepingGroup | undefined
  readonly rotation: Rotation
  /** As its record says it now. */
  readonly behavior: () => BackgroundTransferBehavior
  /** Origins, and applications by their gates, that take nobody now. */
  readonly closedOrigins: () => ReadonlySet<string>
}

/** Who waits for the heads of the line. */
interface Awaiting {
  readonly act: () => void
  readonly giveUp: (error: unknown) => void
}

export class AwakeGroup {
  readonly name: string
  readonly line: WaitingLine
  /** Commands for the whole group that are under way, and by their gates those for all that an application has in it. */
  #suspensions = 0
  readonly #shut = new Map<string, number>()
  lastServed: number
  readonly #options: AwakeGroupOptions
  readonly #actor: GroupActor
  /** Members that are none any more, which its chart has not heard yet. */
  #leaving: OperationId[] = []
  #offer: (Admission & {readonly kind: 'admit'}) | undefined
  /** What waits until the heads of its line are known; absent since they were read for the first time. */
  #afterReading: Awaiting[] | undefined

  constructor(options: AwakeGroupOptions) {
    const {name, machine, line, sleeping, rotation, behavior} = options
    const members = sleeping?.members ?? []
    this.#options = options
    this.name = name
    this.line = line
    this.#actor = createActor(machine, {id: `group:${name}`, input: {name, behavior: behavior(), members}})
    // It stands behind those that wait for their turn: new groups without end cannot starve an old one.
    this.lastServed = sleeping?.lastServed ?? rotation.turn
    this.#afterReading = sleeping === undefined ? undefined : []
  }

  start(): void {
    this.#actor.start()
    this.line.refill()
  }

  stop(): void {
    this.#actor.stop()
  }

  /** What it would admit now; absent while it wants no slot. */
  get offer(): (Admission & {readonly kind: 'admit'}) | undefined {
    return this.#offer
  }

  /** Where its chart stands, all that happened considered. */
  snapshot(): ReturnType<GroupActor['getSnapshot']> {
    this.settle()
    return this.#actor.getSnapshot()
  }

  send(event: GroupEvent): void {
    this.settle()
    const {name, lastServed} = this
    const {rotation} = this.#options
    this.#actor.send(event)
    const snapshot = this.#actor.getSnapshot()
    const next = snapshot.hasTag('wanting') ? nextAdmission(snapshot.context) : undefined
    this.#offer = next?.kind === 'admit' ? next : undefined
    if (this.#offer !== undefined) {
      rotation.offer({group: name, priorityClass: this.#offer.priorityClass, lastServed})
    } else if (this.#afterReading === undefined) {
      rotation.withdraw(name)
    }
  }

  /** A member has ended, or went back into the line: the chart hears of all who leave in one turn at once. */
  leave(id: OperationId): void {
    this.#leaving.push(id)
  }

  /** Nobody is admitted until it is resumed, once for each time; or, with the gate of an application, nobody of that. */
  suspend(gate: string | undefined): void {
    if (gate === undefined) {
      this.#suspensions += 1
      this.send({type: 'group.suspend'})
    } else {
      this.#shut.set(gate, (this.#shut.get(gate) ?? 0) + 1)
      this.tellOrigins()
    }
  }

  resume(gate: string | undefined): void {
    if (gate === undefined) {
      this.#suspensions -= 1
      if (this.#suspensions === 0) this.send({type: 'group.resume'})
      return
    }
    const left = (this.#shut.get(gate) ?? 1) - 1
    if (left > 0) this.#shut.set(gate, left)
    else this.#shut.delete(gate)
    this.tellOrigins()
  }

  /** Nobody of some application is admitted: those at the head of the line may have to be passed over. */
  get isShutForSome(): boolean {
    return this.#shut.size > 0
  }

  /** Origins and applications that take nobody of it now. */
  get #closed(): ReadonlySet<string> {
    const closed = this.#options.closedOrigins()
    return this.#shut.size === 0 ? closed : new Set([...closed, ...this.#shut.keys()])
  }

  /** What was not told yet of members that have left is told. */
  settle(): void {
    const ids = this.#leaving
    if (ids.length === 0) return
    this.#leaving = []
    this.send({type: 'members.left', ids})
  }

  tellLine(): void {
    this.send({type: 'line.changed', line: candidatesOf(this.line, this.#closed)})
  }

  tellOrigins(): void {
    const closed = this.#closed
    this.send({type: 'origins.changed', closed: [...closed], line: candidatesOf(this.line, closed)})
    this.lookAhead()
  }

  /** Whoever waits behind a crowd whose origin takes nobody must not wait for the crowd. */
  lookAhead(): void {
    const {behavior} = this.#options
    const closed = this.#closed
    if (closed.size === 0) return
    const ordered = behavior() === BackgroundTransferBehavior.serialized
    const isStuck = (each: Waiting) => isShut(each, closed) && (!ordered || each.priorityClass === 0)
    if (this.line.heads.every(isStuck)) this.line.lookFurther()
  }

  /** Its next ones, at most `count`, take slots and leave the line: all of them, as their line knows them or else their chart. */
  offerSlots(count: number): readonly (Member | Candidate | Waiting)[] {
    const {context} = this.snapshot()
    const waiting = this.line.heads
    const heads = count === 1 ? context.line : waiting.slice(0, count).map(candidateOf)
    const ids = nextAdmissions({...context, line: heads}, count)
    const taking = new Set(ids)
    const known = new Map<OperationId, Member | Candidate | Waiting>()
    // One walk for all of them, who may be thousands, and an index of nobody else; what the line knows of one says most.
    for (const those of [context.members, heads, waiting]) {
      for (const each of those) if (taking.has(each.id)) known.set(each.id, each)
    }
    const takers = ids.flatMap((id) => known.get(id) ?? [])
    const line = candidatesOf(this.line, this.#closed, ids)
    this.send({type: 'slots.offered', count, heads, line})
    for (const id of ids) this.line.leave(id)
    return takers
  }

  /** Whether its chart counts this member, just so. */
  counts(member: Member): boolean {
    const known = this.snapshot().context.members.find(({id}) => id === member.id)
    return (
      known !== undefined &&
      known.phase === member.phase &&
      known.priority === member.priority &&
      known.origin === member.origin &&
      known.gate === member.gate
    )
  }

  /** Whether it would admit somebody if this origin took one more. */
  awaits(origin: string): boolean {
    const snapshot = this.snapshot()
    const {closedOrigins = []} = snapshot.context
    if (snapshot.matches('suspended') || !closedOrigins.includes(origin)) return false
    const open = {...snapshot.context, closedOrigins: closedOrigins.filter((closed) => closed !== origin)}
    return nextAdmission(open).kind === 'admit'
  }

  /** Calls `act` when the heads of the line are known, and `giveUp` if they never will be. */
  whenRead(act: () => void, giveUp: (error: unknown) => void): void {
    if (this.#afterReading === undefined) act()
    else this.#afterReading.push({act, giveUp})
  }

  /** More of the line was read: who waits for its heads is called, once they are known. */
  lineRead(): void {
    const waiting = this.#afterReading
    if (waiting === undefined || this.line.isReading) return
    this.#afterReading = undefined
    for (const {act} of waiting) act()
  }

  /** The engine closes before the line could be read. */
  lineUnread(error: unknown): void {
    for (const {giveUp} of this.#afterReading?.splice(0) ?? []) giveUp(error)
  }

  get isIdle(): boolean {
    return this.#shut.size === 0 && this.line.isEmpty && this.snapshot().hasTag('idle')
  }

  /** Nobody of it runs, and nothing of it is under way. */
  get maySleep(): boolean {
    if (this.#suspensions > 0 || this.#shut.size > 0 || this.line.isReading || this.#afterReading !== undefined)
      return false
    const {context} = this.snapshot()
    return context.current === undefined && context.members.every(({phase}) => phase !== 'running')
  }

  /** What is to be known of it while it sleeps, and what it offers until it wakes. */
  rest(): {readonly sleeping: SleepingGroup; readonly offer: Offer | undefined} {
    const {name, line, lastServed} = this
    const {members} = this.snapshot().context
    const offer = this.#options.rotation.offerOf(name)
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
    const sleeping = {lastServed, members, isStuck: isWaiting && !isOneOrigin}
    if (!isOneOrigin) return {sleeping, offer}
    return {sleeping, offer: {group: name, priorityClass: head.priorityClass, lastServed, origin: head.origin}}
  }
}

export interface GroupProvisions {
  readonly admit: (id: OperationId, record: OperationRecord | undefined) => void
  readonly displace: (id: OperationId) => void
  /** The waiting heads of a group, in order. */
  readonly headsOf: (group: string) => readonly Waiting[]
}

/** One for all groups: each provided machine is a chart of its own in memory. */
export function provideGroupMachine({admit, displace, headsOf}: GroupProvisions): GroupMachine {
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
