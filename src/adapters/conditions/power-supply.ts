/** The power supply as Linux shows it in /sys/class/power_supply: mains, batteries, and how full they are. */

import type {ListNames, ReadText} from './read-text.ts'

const DIRECTORY = '/sys/class/power_supply'

export interface PowerReading {
  readonly onBattery: boolean
  /** 0 to 100; absent when nothing says it. */
  readonly percentage?: number
}

/** Undefined for a machine without a battery of its own. */
export function readPowerSupply(list: ListNames, read: ReadText): PowerReading | undefined {
  const supplies = list(DIRECTORY).map((name) => {
    const field = (key: string) => read(`${DIRECTORY}/${name}/${key}`)?.trim()
    return {
      type: field('type'),
      // The battery of a mouse or a headset says nothing about this machine.
      isDevice: field('scope') === 'Device',
      isOnline: field('online') === '1',
      isPresent: field('present') !== '0',
      status: field('status'),
      capacity: Number.parseInt(field('capacity') ?? '', 10),
    }
  })
  const batteries = supplies.filter(({type, isDevice, isPresent}) => type === 'Battery' && !isDevice && isPresent)
  if (batteries.length === 0) return undefined
  const isPlugged = supplies.some(({type, isDevice, isOnline}) => type !== 'Battery' && !isDevice && isOnline)
  const onBattery = !isPlugged && batteries.some(({status}) => status === 'Discharging')
  const known = batteries.map(({capacity}) => capacity).filter((capacity) => capacity >= 0 && capacity <= 100)
  if (known.length === 0) return {onBattery}
  return {onBattery, percentage: known.reduce((sum, each) => sum + each, 0) / known.length}
}
