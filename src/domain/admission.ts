/**
 * Who may run: inside a group by its behaviour and the order of its line, across groups by class and fairness. Level
 * triggered: asked again after each change, each answer stands on what is there, not on what happened.
 */

import {BackgroundTransferBehavior} from './behavior.ts'
import type {OperationId} from './operation-id.ts'
import {BackgroundTransferPriority, type PriorityClass, priorityClass} from './priority.ts'

/** An operation that has left the line and has a place in its group. */
export interface Member {
  readonly id: OperationId
  readonly priority: BackgroundTransferPriority
  /** holding: waits to retry, or for the system, and keeps its place. returning: wants capacity again. */
  readonly phase: 'running' | 'holding' | 'returning'
  /** Scheme, host and port of its URL. */
  readonly origin?: string
  /** The gate of the application that it is of, where that has one. */
  readonly gate?: string | undefined
}

/** An operation in the waiting line. */
export interface Candidate {
  readonly id: OperationId
  readonly priorityClass: PriorityClass
  /** Scheme, host and port of its URL. */
  readonly origin?: string
  /** The gate of the application that it is of, where that has one. */
  readonly gate?: string | undefined
}

export interface GroupView {
  readonly behavior: BackgroundTransferBehavior
  /** In the order in which they were admitted. */
  readonly members: readonly Member[]
  /** The line's first entries, at least the first of each class, in order. */
  readonly line: readonly Candidate[]
  /** The target of the last makeCurrentInTransferGroup, while it waits. */
  readonly current?: OperationId | undefined
  /** Origins that take nobody now: at their limit of connections, or asking for quiet. And gates of applications. */
  readonly closedOrigins?: readonly string[]
}

export type Admission =
  | {readonly kind: 'admit'; readonly id: OperationId; readonly priorityClass: PriorityClass}
  | {readonly kind: 'none'}

/** A group's place among the groups. */
export interface Turn {
  readonly group: string
  /** The turn in which it was last served; for a new group, the one that was the newest when it came. */
  readonly lastServed: number
}

/** What a group has to offer when a slot of the engine is free. */
export interface GroupOffer extends Turn {
  /** The class of the operation that would be admitted. */
  readonly priorityClass: PriorityClass
}

/** For each class, the turns of higher ones that it watched since it had one itself. */
export type PassedOver = readonly [high: number, normal: number, low: number]

/** So many turns of higher classes, and then one for a class that waits: none can starve another. */
export const PATIENCE = 32

const HIGH: PriorityClass = 0

const PRIORITY_OF: Readonly<Record<PriorityClass, BackgroundTransferPriority>> = {
  0: BackgroundTransferPriority.high,
  1: BackgroundTransferPriority.default,
  2: BackgroundTransferPriority.low,
}

/** The one operation of a group that should get the next free slot. */
export function nextAdmission(view: GroupView): Admission {
  const [member] = returningOf(view)
  if (member !== undefined) return {kind: 'admit', id: member.id, priorityClass: priorityClass(member.priority)}
  const occupied = isSerialized(view) && view.members.some(countsInSeries)
  const candidate = nextInLine(view, occupied)
  return candidate === undefined
    ? {kind: 'none'}
    : {kind: 'admit', id: candidate.id, priorityClass: candidate.priorityClass}
}

/** Who would get the next free slots, at most `count`; of a serialized group one at a time. */
export function nextAdmissions(view: GroupView, count: number): readonly OperationId[] {
  if (count > 1 && !isSerialized(view)) {
    const waiting = view.line.filter((candidate) => takesMore(view, candidate))
    return [...returningOf(view), ...waiting].slice(0, count).map(({id}) => id)
  }
  const next = nextAdmission(view)
  return next.kind === 'admit' ? [next.id] : []
}

/** The group when these have got slots. */
export function withSlots<View extends GroupView>(view: View, ids: readonly OperationId[]): View {
  const taking = new Set(ids)
  const hasSlot = ({id}: {readonly id: OperationId}) => taking.has(id)
  const members = view.members.map((member) => (hasSlot(member) ? {...member, phase: 'running' as const} : member))
  for (const {id, priorityClass: admitted, origin, gate} of view.line.filter(hasSlot)) {
    const member = {id, priority: PRIORITY_OF[admitted], phase: 'running' as const, gate}
    members.push(origin === undefined ? member : {...member, origin})
  }
  const line = view.line.filter((candidate) => !hasSlot(candidate))
  const current = view.current !== undefined && taking.has(view.current) ? undefined : view.current
  return {...view, members, line, current}
}

/** Members that have to go back into the line, so that the operation that was made current can run. */
export function toDisplace(view: GroupView): readonly OperationId[] {
  const head = view.line[0]
  if (!isSerialized(view) || head === undefined || head.id !== view.current || head.priorityClass === HIGH) return []
  return view.members.filter(countsInSeries).map((member) => member.id)
}

/** The offer that is taken; undefined when there is none. The same offers in any order give the same answer. */
export function chooseOffer<T extends GroupOffer>(offers: readonly T[], passedOver: PassedOver): T | undefined {
  const impatient = offers.filter(({priorityClass}) => passedOver[priorityClass] >= PATIENCE)
  return impatient.length > 0 ? firstOf(impatient, byWait) : firstOf(offers, byClass)
}

/**
 * What the classes have watched after one of class `served` got a turn, while those in `offering` had something to offer. Turns
 * within a class are shared by lastServed, so only those of a higher class count; and a turn that was owed to patience makes all
 * wait anew, so that two impatient classes cannot lock High out in their turn.
 */
export function countTurn(
  passedOver: PassedOver,
  offering: readonly PriorityClass[],
  served: PriorityClass,
): PassedOver {
  if (passedOver[served] >= PATIENCE) return [0, 0, 0]
  const after = (each: PriorityClass) => {
    if (each === served) return 0
    return passedOver[each] + (each > served && offering.includes(each) ? 1 : 0)
  }
  return [after(0), after(1), after(2)]
}

/** Negative when `a` comes first: the group served longest ago. */
export function compareTurns(a: Turn, b: Turn): number {
  return a.lastServed - b.lastServed || compareText(a.group, b.group)
}

/** Members come before the line: they were admitted once. In the order of their turns. */
function returningOf(view: GroupView): readonly Member[] {
  // As a rule nobody does, and it is asked several times for each operation.
  if (!view.members.some(({phase}) => phase === 'returning')) return []
  const displaced = new Set(toDisplace(view))
  // Two in a serialized group are there only if it was parallel when they were admitted.
  const busy = isSerialized(view) && view.members.some((member) => countsInSeries(member) && member.phase === 'running')
  return view.members
    .filter((member) => member.phase === 'returning' && !displaced.has(member.id))
    .filter((member) => !busy || !countsInSeries(member))
    .filter((member) => takesMore(view, member))
    .toSorted((a, b) => priorityClass(a.priority) - priorityClass(b.priority))
}

/** Order binds a serialized group even while the origin of its next member is closed; a parallel one goes round it. */
function nextInLine(view: GroupView, occupied: boolean): Candidate | undefined {
  const next = isSerialized(view) ? view.line.find((each) => each.priorityClass !== HIGH) : undefined
  return view.line.find((each) => {
    if (!takesMore(view, each)) return false
    return !isSerialized(view) || each.priorityClass === HIGH || (!occupied && each === next)
  })
}

function takesMore({closedOrigins = []}: GroupView, {origin, gate}: Pick<Member, 'origin' | 'gate'>): boolean {
  if (closedOrigins.length === 0) return true
  return (
    !(origin !== undefined && closedOrigins.includes(origin)) && !(gate !== undefined && closedOrigins.includes(gate))
  )
}

function isSerialized(view: GroupView): boolean {
  return view.behavior === BackgroundTransferBehavior.serialized
}

/** High members run beside the one that a serialized group lets through (spec 11.2). */
function countsInSeries(member: Member): boolean {
  return priorityClass(member.priority) !== HIGH
}

function firstOf<T>(offers: readonly T[], compare: (a: T, b: T) => number): T | undefined {
  let first = offers[0]
  for (const offer of offers) if (first !== undefined && compare(offer, first) < 0) first = offer
  return first
}

function byClass(a: GroupOffer, b: GroupOffer): number {
  return a.priorityClass - b.priorityClass || compareTurns(a, b)
}

/** Class comes second here: an impatient Default class must not take every such turn from Low. */
function byWait(a: GroupOffer, b: GroupOffer): number {
  return a.lastServed - b.lastServed || byClass(a, b)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
