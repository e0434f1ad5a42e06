/** The colours of the pictures, light and dark; text meets WCAG AA on its background. */

import type {EdgeKind, TextRole} from './chart.ts'

export interface Theme {
  readonly canvas: string
  /** Cards alternate with depth, so that a card is told from the one it lies on. */
  readonly cards: readonly [string, string]
  readonly band: string
  readonly finalBand: string
  readonly border: string
  /** The dashed border of a parallel region. */
  readonly region: string
  readonly pill: string
  readonly text: Readonly<Record<TextRole, string>>
  readonly edge: Readonly<Record<EdgeKind, string>>
}

export const LIGHT: Theme = {
  canvas: '#ffffff',
  cards: ['#f5f8fb', '#ffffff'],
  band: '#e3ebf4',
  finalBand: '#e6e8ea',
  border: '#c0ccd8',
  region: '#8e9dac',
  pill: '#ffffff',
  text: {
    name: '#17212c',
    text: '#51606e',
    tag: '#51606e',
    event: '#17406d',
    after: '#855000',
    always: '#5b479f',
    done: '#186636',
    error: '#b3261e',
    guard: '#51606e',
    action: '#51606e',
    target: '#0a58a6',
  },
  edge: {
    event: '#5b7089',
    after: '#bd780b',
    always: '#8170c4',
    done: '#2b8c53',
    error: '#cd4339',
    mixed: '#5b7089',
  },
}

export const DARK: Theme = {
  canvas: '#0d1117',
  cards: ['#131922', '#1a212c'],
  band: '#243040',
  finalBand: '#2c3139',
  border: '#3a4756',
  region: '#64748a',
  pill: '#0f141b',
  text: {
    name: '#e9eef4',
    text: '#a1aebb',
    tag: '#a1aebb',
    event: '#b7d3f2',
    after: '#ebb562',
    always: '#bdb0f2',
    done: '#74d299',
    error: '#ff938a',
    guard: '#a1aebb',
    action: '#a1aebb',
    target: '#74b6ff',
  },
  edge: {
    event: '#8397ad',
    after: '#cf9030',
    always: '#9485d6',
    done: '#47ad70',
    error: '#e4695f',
    mixed: '#8397ad',
  },
}
