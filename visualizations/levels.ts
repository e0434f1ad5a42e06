/**
 * Cuts edges at the borders they cross. Each compound state is laid out by itself, in the direction that suits it, so an edge
 * between two levels is made of pieces that meet at ports on the borders.
 */

import type {EdgePlan} from './arrange.ts'
import type {Hierarchy} from './hierarchy.ts'

/** A child of the level, or the level itself; with `port` where the edge goes on, on the other side of the border. */
export interface End {
  readonly state: string
  readonly port?: string
}

export interface Piece {
  /** The compound state in which the piece runs. */
  readonly level: string
  readonly plan: EdgePlan
  readonly from: End
  readonly to: End
  /** The piece at the level that holds both ends of the edge carries its label. */
  readonly labelled: boolean
}

const portOf = (state: string, plan: EdgePlan): End => ({state, port: `${state}#${plan.id}`})

/** In the order in which the edge runs. */
export function cut(plan: EdgePlan, hierarchy: Hierarchy): Piece[] {
  const source = hierarchy.path(plan.source).map(({id}) => id)
  const target = hierarchy.path(plan.target).map(({id}) => id)
  const fork = source.findIndex((id, depth) => id !== target[depth])
  const end = (path: readonly string[], depth: number): End => {
    const state = path[depth] ?? ''
    return depth === path.length - 1 ? {state} : portOf(state, plan)
  }
  const outward = source.slice(fork, -1).map((level, index): Piece => {
    return {level, plan, from: end(source, fork + index + 1), to: portOf(level, plan), labelled: false}
  })
  const inward = target.slice(fork, -1).map((level, index): Piece => {
    return {level, plan, from: portOf(level, plan), to: end(target, fork + index + 1), labelled: false}
  })
  const across: Piece = {
    level: source[fork - 1] ?? '',
    plan,
    from: end(source, fork),
    to: end(target, fork),
    labelled: true,
  }
  return [...outward.reverse(), across, ...inward]
}
