/** Puts the classes of a highlight on a drawing. */

import type {Highlight} from '../model/highlight.ts'

export function light(drawing: Element, {active, visited, taken, available}: Highlight): void {
  for (const element of drawing.querySelectorAll<SVGGElement>('[data-state]')) {
    const id = element.dataset.state ?? ''
    element.classList.toggle('active', active.has(id))
    element.classList.toggle('visited', visited.has(id) && !active.has(id))
  }
  for (const element of drawing.querySelectorAll<SVGGElement>('[data-transition]')) {
    const id = element.dataset.transition ?? ''
    element.classList.toggle('taken', taken.has(id))
    element.classList.toggle('available', available.has(id))
  }
  for (const element of drawing.querySelectorAll<SVGPathElement>('[data-edge]')) {
    const ids = element.dataset.edge?.split(' ') ?? []
    element.classList.toggle(
      'taken',
      ids.some((id) => taken.has(id)),
    )
    element.classList.toggle(
      'available',
      ids.some((id) => available.has(id)),
    )
  }
}
