/** Lays out the children of one compound state with ELK's layered algorithm, and routes the pieces of edges among them. */

import elk, {type ElkEdgeSection, type ElkNode, type LayoutOptions} from 'elkjs'
import type {Box, Point} from './chart.ts'
import {type Direction, DOT_ID, type Level, levelNode} from './level-graph.ts'
import {DOT} from './metrics.ts'

/** Positions are relative to the level's own corner. */
export interface LevelLayout {
  readonly width: number
  readonly height: number
  readonly children: ReadonlyMap<string, Point>
  readonly ports: ReadonlyMap<string, Point>
  /** By the id of the edge. */
  readonly routes: ReadonlyMap<string, readonly Point[]>
  readonly labels: ReadonlyMap<string, Box>
  readonly dot?: {readonly at: Point; readonly route: readonly Point[]}
}

/** Depth-first breaking of cycles makes the initial state come first and the good path flow forward. */
const OPTIONS: LayoutOptions = {
  'elk.algorithm': 'layered',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.layered.cycleBreaking.strategy': 'DEPTH_FIRST',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.layered.feedbackEdges': 'true',
  'elk.layered.thoroughness': '30',
  'elk.spacing.componentComponent': '20',
  'elk.spacing.nodeNode': '18',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '12',
  'elk.spacing.edgeLabel': '4',
  'elk.layered.spacing.nodeNodeBetweenLayers': '16',
  'elk.layered.spacing.edgeNodeBetweenLayers': '12',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '10',
}

const engine = new elk.default()

function pointOf({x = 0, y = 0}: {readonly x?: number; readonly y?: number}): Point {
  return {x, y}
}

function routeOf(sections: readonly ElkEdgeSection[] = []): Point[] {
  return sections.flatMap(({startPoint, bendPoints = [], endPoint}) => [startPoint, ...bendPoints, endPoint])
}

/** `direction` is where the level's own flow goes, `around` where its parent's does. */
export async function layOutLevel(level: Level, direction: Direction, around: Direction): Promise<LevelLayout> {
  // ELK knows ports on the border of a node, not on the border of the graph: hence a graph around the level.
  const graph: ElkNode = {id: 'around', children: [levelNode(level, direction, around)]}
  const laidOut = await engine.layout<ElkNode>(graph, {layoutOptions: OPTIONS})
  const {width = 0, height = 0, children = [], ports = [], edges = []} = laidOut.children?.[0] ?? {}

  const dot = children.find(({id}) => id === DOT_ID)
  const dotRoute = routeOf(edges.find(({id}) => id === DOT_ID)?.sections)
  const labels = edges.flatMap(({id, labels = []}) =>
    labels.map(({width = 0, height = 0, ...at}): [string, Box] => [id, {...pointOf(at), width, height}]),
  )
  return {
    width,
    height,
    children: new Map(children.map((child) => [child.id, pointOf(child)])),
    ports: new Map(ports.map((port) => [port.id, pointOf(port)])),
    routes: new Map(edges.map(({id, sections}) => [id, routeOf(sections)])),
    labels: new Map(labels),
    ...(dot === undefined ? {} : {dot: {at: {x: (dot.x ?? 0) + DOT, y: (dot.y ?? 0) + DOT}, route: dotRoute}}),
  }
}
