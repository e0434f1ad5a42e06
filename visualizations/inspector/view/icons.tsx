/** Drawn here: no icon font, nothing to fetch. All are decoration beside words or labels. */

const PATHS = {
  down: 'M8 2.500v10M4 8.500l4 4 4-4',
  up: 'M8 12.500v-10M4 6.500l4-4 4 4',
  play: 'M5 3l8 5-8 5z',
  pause: 'M5.5 3v10M10.5 3v10',
  stop: 'M4 4l8 8M12 4l-8 8',
  front: 'M3 3h10M8 13V6M4.5 9.500L8 6l3.5 3.5',
  chevron: 'M6 4l4 4-4 4',
  network: 'M2 6.500a8.5 8.5 0 0 1 12 0M4.5 9a5 5 0 0 1 7 0M8 12h.01',
  battery: 'M2 5.500h10v5H2zM14 7.500v1',
  lock: 'M4 7.500h8V13H4zM5.5 7.500V5a2.5 2.5 0 0 1 5 0v2.5',
  sun: 'M8 5.200a2.8 2.8 0 1 0 0 5.600a2.8 2.8 0 1 0 0-5.600M8 1.500v1.300M8 13.200v1.300M1.5 8h1.300M13.2 8h1.300M3.4 3.400l.9.9M11.7 11.700l.9.9M3.4 12.600l.9-.9M11.7 4.300l.9-.9',
  moon: 'M13 9.500A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.500z',
  half: 'M8 2.500a5.5 5.5 0 1 0 0 11zM8 2.500a5.5 5.5 0 0 1 0 11',
  link: 'M7 9.500l2-3M6.500 5.500l1-1.500a2.600 2.600 0 0 1 4.300 2.900l-1.200 1.700M9.500 10.500l-1 1.500a2.600 2.600 0 0 1-4.300-2.900l1.200-1.700',
  copy: 'M5.5 5.500h7v7h-7zM3.5 10.500v-7h7',
  save: 'M8 2.500v7M5 7l3 3 3-3M3 13h10',
} as const

export function Icon({name}: {name: keyof typeof PATHS}) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" data-icon={name}>
      <path d={PATHS[name]} />
    </svg>
  )
}
