/**
 * A machine as a graph of its states, guards aside: which states its transitions can enter, and from which of them an end
 * can be reached. `always`, `after` and the ends of invoked actors count as transitions.
 */

import type {AnyStateMachine, AnyStateNode} from 'xstate'

export function allStates(machine: AnyStateMachine): readonly AnyStateNode[] {
  const found: AnyStateNode[] = []
  const visit = (node: AnyStateNode) => {
    found.push(node)
    for (const child of Object.values(node.states)) visit(child as AnyStateNode)
  }
  visit(machine.root)
  return found
}

export function leaves(machine: AnyStateMachine): readonly AnyStateNode[] {
  return allStates(machine).filter(({states}) => Object.keys(states).length === 0)
}

/** The node and what contains it, innermost first. */
export function lineage(node: AnyStateNode): readonly AnyStateNode[] {
  return node.parent === undefined ? [node] : [node, ...lineage(node.parent)]
}

/** Every state that can be entered from the machine's start. */
export function reachable(machine: AnyStateMachine): ReadonlySet<AnyStateNode> {
  const found = new Set<AnyStateNode>()
  const waiting = [...entered(machine.root)]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (found.has(node)) continue
    found.add(node)
    for (const target of targetsOf(node)) waiting.push(...entered(target))
  }
  return found
}

/** Leaves from which no sequence of transitions leads to a final state of the machine. */
export function withoutEnd(machine: AnyStateMachine): readonly AnyStateNode[] {
  const ending = new Set(leaves(machine).filter(({type}) => type === 'final'))
  for (let grew = true; grew; ) {
    grew = false
    for (const leaf of leaves(machine)) {
      const next = lineage(leaf).flatMap((node) => targetsOf(node).flatMap(entered))
      if (ending.has(leaf) || !next.some((node) => ending.has(node))) continue
      ending.add(leaf)
      grew = true
    }
  }
  return leaves(machine).filter((leaf) => !ending.has(leaf))
}

/** Entering a state enters what contains it, and its own initial states. */
function entered(node: AnyStateNode): readonly AnyStateNode[] {
  return [...lineage(node), ...below(node)]
}

function below(node: AnyStateNode): readonly AnyStateNode[] {
  const children = Object.values(node.states) as AnyStateNode[]
  const next = node.type === 'parallel' ? children : (node.initial?.target ?? [])
  return next.flatMap((child) => [child, ...below(child)])
}

function targetsOf(node: AnyStateNode): readonly AnyStateNode[] {
  const transitions = [...[...node.transitions.values()].flat(), ...(node.always ?? [])]
  return transitions.flatMap(({target}) => target ?? [])
}
