/** Numbers as people read them: IEC sizes, rates, durations, times of day. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  // Rounding 1023.96 KiB to one digit would print 1024.0 KiB: the next unit starts a little early.
  while (value >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`
}

/** Two units at most; tenths of a second below ten seconds. */
export function formatDuration(ms: number): string {
  if (ms < 10 * SECOND) return `${(Math.max(0, ms) / SECOND).toFixed(1)} s`
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m ${pad(Math.floor((ms % MINUTE) / SECOND))}s`
  if (ms < DAY) return `${Math.floor(ms / HOUR)}h ${pad(Math.floor((ms % HOUR) / MINUTE))}m`
  return `${Math.floor(ms / DAY)}d ${Math.floor((ms % DAY) / HOUR)}h`
}

/** What is left of a wait, as minutes and seconds. */
export function formatCountdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / SECOND))
  return `${Math.floor(seconds / 60)}:${pad(seconds % 60)}`
}

/** Local time of day. */
export function formatTime(at: number): string {
  const date = new Date(at)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(':')
}

export function formatTimeWithMs(at: number): string {
  return `${formatTime(at)}.${String(new Date(at).getMilliseconds()).padStart(3, '0')}`
}

/** `undefined` while the size is unknown. */
export function percentOf(bytes: number, total: number): number | undefined {
  return total > 0 ? Math.min(100, (bytes / total) * 100) : undefined
}

/** Never says 100 before the last byte is here. */
export function formatPercent(bytes: number, total: number): string {
  const percent = percentOf(bytes, total)
  if (percent === undefined) return ''
  return `${(Math.floor(percent * 10) / 10).toFixed(1)} %`
}

/** Milliseconds until the last byte at the present rate. */
export function timeLeft(bytes: number, total: number, rate: number): number | undefined {
  return total > 0 && rate > 0 && bytes < total ? ((total - bytes) / rate) * SECOND : undefined
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}
