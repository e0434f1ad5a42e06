/**
 * How wide a text is, by a fixed table: pictures come out the same on every computer. The numbers are the advances of the
 * Helvetica family, which Arial and Liberation Sans share, in thousandths of the font size. Line breaking lives here too.
 */

const REGULAR = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
  556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
  722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
  556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
  260, 334, 584,
]
const BOLD = [
  278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
  556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
  722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
  556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
  280, 389, 584,
]
const FIRST = 0x20
/** The width of an arrow, an ellipsis, a dash: anything beyond the table is taken to be as wide as it gets. */
const OTHER = 1000

export interface Font {
  readonly size: number
  readonly bold?: boolean
}

export function textWidth(text: string, font: Font): number {
  const table = font.bold === true ? BOLD : REGULAR
  let thousandths = 0
  for (const character of text) thousandths += table[(character.codePointAt(0) ?? 0) - FIRST] ?? OTHER
  return (thousandths * font.size) / 1000
}

/** Breaks at spaces; a word wider than the line stands alone on its line. */
export function wrap(text: string, maxWidth: number, font: Font): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && textWidth(`${last} ${word}`, font) <= maxWidth)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
