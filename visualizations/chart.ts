/**
 * A statechart with its picture: what the machine says, where each state stands, and how each edge runs. A page that draws
 * it needs no layout engine; the static pictures are drawn from it too. All lengths are in pixels of the unscaled picture.
 */

import type {State, Transition} from './statechart.ts'

/** Changes whenever a reader of an older chart could misread a newer one. */
export const CHART_FORMAT = 1

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Box extends Point {
  readonly width: number
  readonly height: number
}

/** What a piece of text is about; the colours hang on it. */
export type TextRole =
  | 'name'
  | 'text'
  | 'tag'
  | 'event'
  | 'after'
  | 'always'
  | 'done'
  | 'error'
  | 'guard'
  | 'action'
  | 'target'

export interface Span {
  readonly role: TextRole
  readonly text: string
}

/** One line of text on a card. `x` and `y` are the left end of its baseline. */
export interface Row extends Point {
  readonly kind: 'tags' | 'description' | 'invoke' | 'entry' | 'exit' | 'trigger' | 'transition'
  /** Set on rows that are a transition: one that is not drawn as an edge. */
  readonly transition?: string
  readonly spans: readonly Span[]
}

export interface PlacedState extends State, Box {
  /** Height of the coloured band that holds the name. */
  readonly band: number
  /** Height of the name and the rows together; the children of a compound state stand below it. */
  readonly head: number
  readonly rows: readonly Row[]
}

export interface EdgeLabel extends Box {
  readonly transition: string
  readonly spans: readonly Span[]
}

/** All transitions between two states that are drawn as one line; their labels are stacked on it. */
export interface Edge {
  readonly id: string
  readonly source: string
  readonly target: string
  readonly transitions: readonly string[]
  readonly kind: EdgeKind
  readonly points: readonly Point[]
  readonly labels: readonly EdgeLabel[]
}

/** What takes the edge; `mixed` when its transitions differ. */
export type EdgeKind = 'event' | 'after' | 'always' | 'done' | 'error' | 'mixed'

/** The dot and the arrow that mark the initial child of a compound state. */
export interface InitialMarker {
  readonly state: string
  readonly target: string
  readonly dot: Point
  readonly points: readonly Point[]
}

export interface Chart {
  readonly format: typeof CHART_FORMAT
  readonly machine: string
  readonly description?: string
  readonly width: number
  readonly height: number
  /** Parents before their children: drawn in this order, inner cards lie on outer ones. */
  readonly states: readonly PlacedState[]
  /** Each stands in exactly one edge or one row. */
  readonly transitions: readonly Transition[]
  readonly edges: readonly Edge[]
  readonly initials: readonly InitialMarker[]
}
