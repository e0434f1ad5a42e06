/** The speed of the last half minute, or five, as an area over the states it stood in. Decoration: the figures beside it say the same in words. */

import {useSignal} from '@preact/signals'
import type {OperationId} from '../../../src/domain/operation-id.ts'
import {formatRate} from '../model/format.ts'
import {stays} from '../model/journey.ts'
import {areaPath, peakOf, type Span, samplesIn, xOf} from '../model/samples.ts'
import {detail} from '../state/selection.ts'
import {now, operations, samplesOf} from '../state/store.ts'

const WIDTH = 260
const HEIGHT = 64
const SPAN_WORDS: Readonly<Record<Span, string>> = {short: '30 s', long: '5 min'}

export function Throughput({guid}: {guid: OperationId}) {
  const span = useSignal<Span>('short')
  // Samples come with the operation's own signal.
  const view = operations.get(guid)?.value
  const samples = samplesIn(samplesOf(guid), span.value)
  const {area, line} = areaPath(samples, now.value, span.value, {width: WIDTH, height: HEIGHT})
  const peak = peakOf(samples)
  return (
    <section class="card-box">
      <h2>
        Throughput
        <fieldset class="spans">
          <legend class="unseen">Time shown</legend>
          {(['short', 'long'] as const).map((each) => (
            <button
              key={each}
              type="button"
              aria-pressed={span.value === each}
              onClick={() => {
                span.value = each
              }}
            >
              {SPAN_WORDS[each]}
            </button>
          ))}
        </fieldset>
      </h2>
      <figure class="throughput">
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          <Bands span={span.value} endedAt={view?.endedAt} />
          <path class="grid" d={`M0 4H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}`} />
          <path class="area" d={area} />
          <path class="line" d={line} />
        </svg>
        <figcaption>
          {peak > 0 ? `peak ${formatRate(peak)}` : `nothing moved in the last ${SPAN_WORDS[span.value]}`}
        </figcaption>
      </figure>
    </section>
  )
}

/** A strip under the area: the state that it stood in meanwhile. */
function Bands({span, endedAt}: {span: Span; endedAt: number | undefined}) {
  const until = endedAt ?? now.value
  return (
    <>
      {stays(detail.value?.transitions ?? [], until).map(({entry, ms, mood}) => {
        const from = xOf(entry.at, now.value, span, WIDTH)
        const to = xOf(entry.at + ms, now.value, span, WIDTH)
        return to > from ? (
          <rect
            key={entry.seq}
            class="state-band"
            data-mood={mood}
            x={from}
            y={HEIGHT - 4}
            width={to - from}
            height={4}
          />
        ) : null
      })}
    </>
  )
}
