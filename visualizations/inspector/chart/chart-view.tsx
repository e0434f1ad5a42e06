/** A chart with its lights: picture or text, fitted or close up, following the active state until somebody moves it. */

import {useSignal} from '@preact/signals'
import {useEffect, useLayoutEffect, useRef} from 'preact/hooks'
import type {Chart} from '../../chart.ts'
import {activeLeaves, type Highlight} from '../model/highlight.ts'
import {Drawing} from './drawing.tsx'
import {light} from './light.ts'
import {Minimap} from './minimap.tsx'
import {Outline} from './outline.tsx'
import {around, centre, clampScale, firstScale, fitScale, panByDrag, READABLE} from './viewport.ts'

const STEP = 1.25

export function ChartView({chart, highlight}: {chart: Chart; highlight: Highlight}) {
  const asText = useSignal(false)
  const scale = useSignal(0)
  const follows = useSignal(true)
  const box = useRef<HTMLDivElement>(null)
  const seen = useSignal({left: 0, top: 0, width: 0, height: 0})
  const leaves = activeLeaves(chart, highlight)
  const [leaf] = leaves

  const note = () => {
    const {current} = box
    if (current === null || scale.peek() === 0) return
    const by = scale.peek()
    seen.value = {
      left: current.scrollLeft / by,
      top: current.scrollTop / by,
      width: current.clientWidth / by,
      height: current.clientHeight / by,
    }
  }
  const roomOf = (element: Element) => ({width: element.clientWidth, height: element.clientHeight})
  const look = (smooth: boolean) => {
    if (box.current !== null && leaf !== undefined) centre(box.current, around(leaves), scale.peek(), smooth)
    note()
  }

  useLayoutEffect(() => {
    const {current} = box
    if (current === null) return
    scale.value = firstScale(chart, roomOf(current))
    follows.value = true
  }, [chart, asText.value])
  useLayoutEffect(() => {
    if (box.current !== null) light(box.current, highlight)
  }, [chart, highlight, asText.value])
  useLayoutEffect(() => {
    if (follows.peek()) look(false)
    else note()
  }, [scale.value])
  useEffect(() => {
    if (follows.peek()) look(true)
  }, [leaf?.id])
  useEffect(() => {
    const {current} = box
    if (current === null) return
    const observer = new ResizeObserver(() => {
      scale.value = clampScale(scale.peek(), chart, roomOf(current))
      note()
    })
    observer.observe(current)
    const stop = panByDrag(current, () => {
      follows.value = false
    })
    return () => {
      observer.disconnect()
      stop()
    }
  }, [chart, asText.value])

  const zoom = (to: (now: number) => number) => {
    const {current} = box
    if (current === null) return
    const middle = {
      x: (current.scrollLeft + current.clientWidth / 2) / scale.peek(),
      y: (current.scrollTop + current.clientHeight / 2) / scale.peek(),
    }
    const next = clampScale(to(scale.peek()), chart, roomOf(current))
    const moved = !follows.peek()
    scale.value = next
    if (moved) queueMicrotask(() => centre(current, {...middle, width: 0, height: 0}, next, false))
  }

  const names = leaves.map(({key}) => key).join(', ')
  return (
    <div class="chart">
      <div class="chart-tools">
        {asText.value ? null : (
          <>
            <button
              type="button"
              onClick={() => {
                follows.value = true
                zoom(() => (box.current === null ? 1 : fitScale(chart, roomOf(box.current))))
              }}
            >
              Fit
            </button>
            <button type="button" onClick={() => zoom(() => 1)}>
              100 %
            </button>
            <button type="button" class="square" aria-label="Smaller" onClick={() => zoom((by) => by / STEP)}>
              −
            </button>
            <button type="button" class="square" aria-label="Larger" onClick={() => zoom((by) => by * STEP)}>
              +
            </button>
            <button
              type="button"
              aria-pressed={follows.value}
              title="Keep the active state in view"
              onClick={() => {
                follows.value = !follows.value
                if (follows.value) look(true)
              }}
            >
              Follow
            </button>
          </>
        )}
        <button
          type="button"
          aria-pressed={asText.value}
          onClick={() => {
            asText.value = !asText.value
          }}
        >
          Text
        </button>
      </div>
      {asText.value ? (
        <Outline chart={chart} highlight={highlight} />
      ) : (
        <>
          <section
            class="viewport"
            ref={box}
            // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must take the focus
            tabIndex={0}
            aria-label="Statechart; arrows up and down scroll"
            onScroll={note}
          >
            <svg
              class={scale.value > 0 && scale.value < READABLE ? 'drawing overview' : 'drawing'}
              role="img"
              aria-label={`Statechart of ${chart.machine}. Active: ${names === '' ? 'nothing' : names}. The button Text shows it as an outline.`}
              width={chart.width * scale.value}
              height={chart.height * scale.value}
              viewBox={`0 0 ${chart.width} ${chart.height}`}
            >
              <Drawing chart={chart} />
            </svg>
          </section>
          {seen.value.width < chart.width - 1 || seen.value.height < chart.height - 1 ? (
            <Minimap
              chart={chart}
              highlight={highlight}
              seen={seen.value}
              onGo={(x, y) => {
                follows.value = false
                if (box.current !== null) centre(box.current, {x, y, width: 0, height: 0}, scale.peek(), false)
              }}
            />
          ) : null}
        </>
      )}
    </div>
  )
}
