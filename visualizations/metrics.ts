/** The measures of the picture: what layout reserves and drawing fills. */

import type {Span} from './chart.ts'
import {type Font, textWidth} from './text-width.ts'

export const NAME: Font = {size: 13, bold: true}
export const ROW: Font = {size: 11}
export const LABEL: Font = {size: 11}
export const TAG: Font = {size: 9.5}

/** Distance between the baselines of two rows. */
export const ROW_STEP = 15
/** Height of the band that holds the name. */
export const BAND = 26
export const CARD_PADDING = 12
export const LABEL_STEP = 18
export const LABEL_PADDING = 7
export const MIN_CARD = 110
/** Baselines of the name in its band, of the first row below it, and of a label in its pill. */
export const NAME_BASELINE = 17.5
export const FIRST_ROW = 17
export const LABEL_BASELINE = 13
/** Text on a leaf is broken at this width, on a state with children at the wider one. */
export const LEAF_TEXT = 230
export const COMPOUND_TEXT = 420
/** Radius of the dot before an initial state. */
export const DOT = 5
/** Around the whole picture. */
export const MARGIN = 12

/** Between two spans there is one space. */
export function spansWidth(spans: readonly Span[], font: Font): number {
  return textWidth(spans.map(({text}) => text).join(' '), font)
}
