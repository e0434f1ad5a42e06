/** What a machine says, as plain data: every state and every transition once. The picture is drawn from this. */

export type StateType = 'atomic' | 'compound' | 'parallel' | 'final' | 'history'

/** A value that a machine computes from its event or context, named by where it comes from. */
export interface Reference {
  readonly from: string
}

export type ParamValue = string | number | boolean | null | Reference | readonly ParamValue[] | ParamRecord
export interface ParamRecord {
  readonly [name: string]: ParamValue
}

/** A guard, an action or an actor by its name. `params` is missing when it has none. */
export interface Named {
  readonly type: string
  readonly params?: ParamRecord | Reference
}

/** `id` is how the running actor is addressed; `src` names its logic. */
export interface Invocation {
  readonly id: string
  readonly src: string
  readonly input?: ParamRecord | Reference
}

export interface State {
  /** The id of the XState node. */
  readonly id: string
  readonly key: string
  readonly parent?: string
  readonly type: StateType
  readonly description?: string
  readonly tags: readonly string[]
  readonly initial?: string
  readonly entry: readonly Named[]
  readonly exit: readonly Named[]
  readonly invokes: readonly Invocation[]
}

export type Trigger =
  | {readonly kind: 'event'; readonly event: string}
  | {readonly kind: 'always'}
  | {readonly kind: 'after'; readonly delay: string}
  | {readonly kind: 'done' | 'error' | 'snapshot'; readonly actor: string}
  /** The state itself, or one of its regions, came to its end. */
  | {readonly kind: 'stateDone'}

export interface Transition {
  /** `source/event/index`, see {@link transitionId}. */
  readonly id: string
  readonly source: string
  /** Ids of states; empty for an internal transition. */
  readonly targets: readonly string[]
  /** The event type as XState names it; empty for an eventless transition. */
  readonly event: string
  readonly trigger: Trigger
  readonly guard?: Named
  readonly actions: readonly Named[]
  readonly reenter: boolean
  readonly description?: string
}

export interface Statechart {
  readonly machine: string
  readonly description?: string
  /** Parents before their children, in document order. The first is the machine itself. */
  readonly states: readonly State[]
  readonly transitions: readonly Transition[]
}

/** `index` counts the transitions of one state for one event, in the order in which their guards are asked. */
export function transitionId(source: string, event: string, index: number): string {
  return `${source}/${event}/${index}`
}

export function isReference(value: unknown): value is Reference {
  return typeof value === 'object' && value !== null && 'from' in value && typeof value.from === 'string'
}
