/** How much of a chart is seen: scale and scroll of a box, by button, wheel and drag. */

import type {Box} from '../../chart.ts'

/** Below this scale the text of a card cannot be read: names stand for cards. */
export const READABLE = 0.6
export const CLOSE_UP = 0.85
const LARGEST = 2
const MARGIN = 24

export interface Size {
  readonly width: number
  readonly height: number
}

/** The whole chart in the box, never blown up. */
export function fitScale(chart: Size, box: Size): number {
  return Math.min(1, (box.width - MARGIN) / chart.width, (box.height - MARGIN) / chart.height)
}

/** Fits while that can be read, else looks closely at a part. */
export function firstScale(chart: Size, box: Size): number {
  const fit = fitScale(chart, box)
  return fit < READABLE ? CLOSE_UP : fit
}

export function clampScale(scale: number, chart: Size, box: Size): number {
  return Math.min(LARGEST, Math.max(fitScale(chart, box), scale))
}

/** The smallest box that holds all of them. */
export function around(boxes: readonly Box[]): Box {
  const x = Math.min(...boxes.map((box) => box.x))
  const y = Math.min(...boxes.map((box) => box.y))
  const right = Math.max(...boxes.map((box) => box.x + box.width))
  const bottom = Math.max(...boxes.map((box) => box.y + box.height))
  return {x, y, width: right - x, height: bottom - y}
}

/** Scrolls so that `target` stands in the middle; a target that is too large shows its head. */
export function centre(element: Element, target: Box, scale: number, smooth: boolean): void {
  const {clientWidth, clientHeight} = element
  const offset = (start: number, length: number, room: number) =>
    length * scale > room ? start * scale - MARGIN : (start + length / 2) * scale - room / 2
  element.scrollTo({
    left: offset(target.x, target.width, clientWidth),
    top: offset(target.y, target.height, clientHeight),
    behavior: smooth && !matchMedia('(prefers-reduced-motion: reduce)').matches ? 'smooth' : 'instant',
  })
}

/** Dragging moves the chart as a hand moves paper. Returns how to stop. */
export function panByDrag(element: HTMLElement, onPan: () => void): () => void {
  const move = (event: PointerEvent) => {
    element.scrollLeft -= event.movementX
    element.scrollTop -= event.movementY
    onPan()
  }
  const end = () => {
    element.classList.remove('dragging')
    element.removeEventListener('pointermove', move)
  }
  const start = (event: PointerEvent) => {
    // Touch scrolls by itself.
    if (event.button !== 0 || event.pointerType === 'touch') return
    element.classList.add('dragging')
    element.setPointerCapture(event.pointerId)
    element.addEventListener('pointermove', move)
  }
  element.addEventListener('pointerdown', start)
  element.addEventListener('pointerup', end)
  element.addEventListener('pointercancel', end)
  return () => {
    end()
    element.removeEventListener('pointerdown', start)
    element.removeEventListener('pointerup', end)
    element.removeEventListener('pointercancel', end)
  }
}
