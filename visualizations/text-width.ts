/**
 * How wide a text is, by a fixed table: pictures come out the same on every computer. The numbers are advances in
 * thousandths of the font size, for each character the wider one of the Helvetica family (Arial and Liberation Sans share its) and
 * of DejaVu Sans, which many machines show in its place: no text is wider than its box with either. Line breaking lives here too.
 */

const REGULAR = [
  318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636,
  636, 636, 636, 337, 337, 838, 838, 838, 556, 1015, 684, 686, 722, 770, 667, 611, 778, 752, 295, 500, 667, 557, 863,
  748, 787, 667, 787, 722, 667, 611, 732, 684, 989, 685, 667, 685, 390, 337, 390, 838, 556, 500, 613, 635, 550, 635,
  615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636,
  337, 636, 838,
]
const BOLD = [
  348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696, 696, 696, 696, 696, 696, 696,
  696, 696, 696, 400, 400, 838, 838, 838, 611, 1000, 774, 762, 734, 830, 683, 683, 821, 837, 372, 556, 775, 637, 995,
  837, 850, 733, 850, 770, 720, 682, 812, 774, 1103, 771, 724, 725, 457, 365, 457, 838, 556, 500, 675, 716, 593, 716,
  678, 435, 716, 712, 343, 343, 665, 343, 1042, 712, 687, 716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712,
  365, 712, 838,
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
