/** The rates of the last minutes, as the points of an area chart: closely for half a minute, and coarsely behind that. */

export const SPANS = {short: 30_000, long: 300_000} as const
export type Span = keyof typeof SPANS

/** Samples of what moves come four times a second; where none comes for so long, nothing moves. */
const SILENCE_MS = 1500

/** Behind the short span one sample in so many ms is kept: the highest. */
const COARSE_MS = 2000

export interface Sample {
  /** Epoch ms. */
  readonly at: number
  readonly rate: number
}

/** Two lists, each in order: a sample that leaves the close one is weighed against its neighbour of the coarse one. */
export interface Samples {
  readonly close: readonly Sample[]
  readonly coarse: readonly Sample[]
}

export const NO_SAMPLES: Samples = {close: [], coarse: []}

export function withSample({close, coarse}: Samples, sample: Sample): Samples {
  const from = sample.at - SPANS.short - 1000
  const first = close.findIndex(({at}) => at > from)
  const left = first === -1 ? close : close.slice(0, first)
  return {
    close: [...close.slice(left.length), sample],
    coarse: left.length === 0 ? coarse : left.reduce(thin, coarse).filter(({at}) => at > sample.at - SPANS.long - 1000),
  }
}

function thin(coarse: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = coarse.at(-1)
  if (last === undefined || sample.at - last.at >= COARSE_MS) return [...coarse, sample]
  return sample.rate > last.rate ? [...coarse.slice(0, -1), {at: last.at, rate: sample.rate}] : coarse
}

/** Those that a chart of this span shows. */
export function samplesIn({close, coarse}: Samples, span: Span): readonly Sample[] {
  return span === 'short' ? close : [...coarse, ...close]
}

/** An SVG path over a box of the given size: now stands at the right, the highest rate at the top. */
export function areaPath(
  samples: readonly Sample[],
  now: number,
  span: Span,
  {width, height}: {readonly width: number; readonly height: number},
): {area: string; line: string} {
  const peak = peakOf(samples)
  const first = samples[0]
  if (first === undefined || peak === 0) return {area: '', line: ''}
  const x = (at: number) => xOf(at, now, span, width)
  const y = (rate: number) => round(height - (rate / peak) * (height - 4))
  const points = samples.map(({at, rate}) => `${x(at)} ${y(rate)}`)
  const last = samples.at(-1) ?? first
  const isSilent = now - last.at > SILENCE_MS
  const end = isSilent ? `${x(last.at)} ${height}L${width} ${height}` : `${width} ${y(last.rate)}`
  const line = `M${points.join('L')}L${end}`
  return {line, area: `${line}L${width} ${height}L${x(first.at)} ${height}Z`}
}

/** Where a moment stands in the chart; what is older than the span stands at its left edge. */
export function xOf(at: number, now: number, span: Span, width: number): number {
  return round(Math.min(width, Math.max(0, width - ((now - at) / SPANS[span]) * width)))
}

export function peakOf(samples: readonly Sample[]): number {
  return Math.max(0, ...samples.map(({rate}) => rate))
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
