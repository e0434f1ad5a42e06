/**
 * Writes a statechart as Mermaid text, for places that render it. Arrows are those of the picture; but Mermaid moves a state
 * out of its parent when an arrow from elsewhere reaches it, so an arrow across borders is drawn between the two siblings
 * that hold its ends, and its label names the inner states. The SVG pictures are the authority.
 */

import {type Arrangement, arrange} from './arrange.ts'
import {actionSpans, labelSpans, nameWithParams} from './labels.ts'
import type {State, Statechart, Transition} from './statechart.ts'

/** Stands for a compound state where its own text and the arrows to its inside begin. */
const ANYWHERE = 'anywhere'

const identifier = (id: string) => id.replace(/\W/g, '_')

/** Mermaid ends a label at a semicolon or a hash, and reads a colon as its beginning. */
const plain = (text: string) => text.replaceAll(/[;#:]/g, ',').trim()

function words(transition: Transition, source: State | undefined, ...more: string[]): string {
  const spans = [...labelSpans(transition, source), ...(transition.targets.length === 0 ? actionSpans(transition) : [])]
  return [...spans.map(({text}) => text), ...more].join(' ')
}

interface Lines {
  /** By the compound state in whose block the arrow stands. */
  readonly arrows: ReadonlyMap<string, readonly string[]>
  /** By the state that they describe. */
  readonly texts: ReadonlyMap<string, readonly string[]>
}

function add<K>(lists: Map<K, string[]>, key: K, line: string): void {
  lists.set(key, [...(lists.get(key) ?? []), line])
}

function linesOf({states, transitions}: Statechart, {hierarchy, edges}: Arrangement): Lines {
  const drawn = new Set(edges.flatMap((edge) => edge.transitions))
  const byId = new Map(states.map((state) => [state.id, state]))
  const texts = new Map<string, string[]>()
  const labels = new Map<string, string[]>()
  const levels = new Map<string, string>()
  for (const transition of transitions) {
    const {source, targets} = transition
    const said = (...more: string[]) => plain(words(transition, byId.get(source), ...more))
    const [target] = targets
    const {from, to, level} = target !== undefined && drawn.has(transition) ? hierarchy.fork(source, target) : {}
    const names = targets.map((id) => hierarchy.nameFrom(source, id)).join(', ')
    if (target === undefined) add(texts, source, said(transition.description ?? ''))
    else if (from === undefined || to === undefined || level === undefined) {
      add(texts, source, said(target === source ? 'again' : `→ ${names}`))
    } else {
      const arrow = `${identifier(from)} --> ${identifier(to)}`
      const within = from === source ? '' : `${hierarchy.nameFrom(from, source)}, `
      levels.set(arrow, level)
      add(labels, arrow, within + said(...(to === target && targets.length === 1 ? [] : [`→ ${names}`])))
    }
  }
  const arrows = new Map<string, string[]>()
  for (const [arrow, level] of levels) add(arrows, level, `${arrow} : ${(labels.get(arrow) ?? []).join('<br/>')}`)
  return {arrows, texts}
}

function textOf(state: State, texts: readonly string[]): string[] {
  return [
    ...state.invokes.map(({src}) => `runs ${src}`),
    ...state.entry.map((action) => `entry / ${nameWithParams(action)}`),
    ...state.exit.map((action) => `exit / ${nameWithParams(action)}`),
    ...texts,
  ]
}

export function toMermaid(statechart: Statechart): string {
  const arrangement = arrange(statechart)
  const {hierarchy} = arrangement
  const {arrows, texts} = linesOf(statechart, arrangement)

  const leaf = (name: string, id: string, lines: readonly string[]): string[] => [
    `state "${name}" as ${id}`,
    ...lines.map((line) => `${id} : ${line}`),
  ]
  const inside = (state: State): string[] => {
    const id = identifier(state.id)
    const lines = textOf(state, texts.get(state.id) ?? [])
    const between = state.type === 'parallel' ? ['--'] : []
    const children = hierarchy.children(state.id).map(block)
    return [
      ...(state.description === undefined ? [] : [`%% ${state.description}`]),
      ...(lines.length === 0 ? [] : leaf(`${state.key}, ${ANYWHERE}`, `${id}_${ANYWHERE}`, lines)),
      ...(state.initial === undefined ? [] : [`[*] --> ${identifier(state.initial)}`]),
      ...children.flatMap((child, index) => (index === 0 ? child : [...between, ...child])),
      ...(arrows.get(state.id) ?? []),
    ].map((line) => `  ${line}`)
  }
  const block = (state: State): string[] => {
    const id = identifier(state.id)
    if (hierarchy.children(state.id).length > 0) return [`state "${state.key}" as ${id} {`, ...inside(state), '}']
    const description = state.description === undefined ? [] : [plain(state.description)]
    const end = state.type === 'final' ? [`${id} --> [*]`] : []
    return [...leaf(state.key, id, [...description, ...textOf(state, texts.get(state.id) ?? [])]), ...end]
  }

  const [root] = statechart.states
  return ['stateDiagram-v2', ...(root === undefined ? [] : inside(root)), ''].join('\n')
}
