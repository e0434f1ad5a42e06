/** The speed of the last half minute as an area. Decoration: the figures beside it say the same in words. */

import type {OperationId} from '../../../src/domain/operation-id.ts'
import {formatRate} from '../model/format.ts'
import {areaPath, peakOf} from '../model/samples.ts'
import {now, operations, samplesOf} from '../state/store.ts'

const WIDTH = 260
const HEIGHT = 64

export function Throughput({guid}: {guid: OperationId}) {
  // Samples come with the operation's own signal.
  void operations.get(guid)?.value
  const samples = samplesOf(guid)
  const {area, line} = areaPath(samples, now.value, WIDTH, HEIGHT)
  const peak = peakOf(samples)
  return (
    <figure class="throughput">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="grid" d={`M0 4H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}`} />
        <path class="area" d={area} />
        <path class="line" d={line} />
      </svg>
      <figcaption>{peak > 0 ? `peak ${formatRate(peak)}` : 'nothing moved in the last 30 s'}</figcaption>
    </figure>
  )
}
