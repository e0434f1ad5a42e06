/** The rates of the last half minute, as the points of an area chart. */

export const SPAN_MS = 30_000

export interface Sample {
  /** Epoch ms. */
  readonly at: number
  readonly rate: number
}

export function withSample(samples: readonly Sample[], sample: Sample): Sample[] {
  return [...samples.filter(({at}) => at > sample.at - SPAN_MS - 1000), sample]
}

/** An SVG path over a box of the given size: now stands at the right, the highest rate at the top. */
export function areaPath(
  samples: readonly Sample[],
  now: number,
  width: number,
  height: number,
): {area: string; line: string} {
  const peak = peakOf(samples)
  const first = samples[0]
  if (first === undefined || peak === 0) return {area: '', line: ''}
  const x = (at: number) => round(Math.max(0, width - ((now - at) / SPAN_MS) * width))
  const y = (rate: number) => round(height - (rate / peak) * (height - 4))
  const points = samples.map(({at, rate}) => `${x(at)} ${y(rate)}`)
  const last = samples.at(-1) ?? first
  const line = `M${points.join('L')}L${width} ${y(last.rate)}`
  return {line, area: `${line}L${width} ${height}L${x(first.at)} ${height}Z`}
}

export function peakOf(samples: readonly Sample[]): number {
  return Math.max(0, ...samples.map(({rate}) => rate))
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
