/** HTTP dates (RFC 9110, 5.6.7): IMF-fixdate and the two obsolete forms that a recipient has to understand. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const MONTH = `(?<month>${MONTHS.join('|')})`
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)'

const FORMS: readonly RegExp[] = [
  // Sun, 06 Nov 1994 08:49:37 GMT
  new RegExp(`^[A-Za-z]{3}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  // Sunday, 06-Nov-94 08:49:37 GMT
  new RegExp(`^[A-Za-z]{6,9}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  // Sun Nov  6 08:49:37 1994
  new RegExp(`^[A-Za-z]{3} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
]

/** Epoch ms; undefined for anything that is no real HTTP date. The weekday is not checked against the date. */
export function parseHttpDate(text: string): number | undefined {
  const trimmed = text.trim()
  for (const form of FORMS) {
    const fields = form.exec(trimmed)?.groups
    if (fields !== undefined) return toEpoch(fields)
  }
  return undefined
}

function toEpoch(fields: Readonly<Record<string, string | undefined>>): number | undefined {
  const month = MONTHS.indexOf(fields.month ?? '')
  const day = Number(fields.day)
  const hour = Number(fields.hour)
  const minute = Number(fields.minute)
  const second = Number(fields.second)
  const year = fullYear(fields.year ?? '')
  // 60 is a leap second.
  if (hour > 23 || minute > 59 || second > 60) return undefined
  const midnight = Date.UTC(year, month, day)
  // The calendar rolls an impossible day over into another month; Date.UTC takes years below 100 for the 1900s.
  const back = new Date(midnight)
  if (back.getUTCDate() !== day || back.getUTCMonth() !== month || back.getUTCFullYear() !== year) return undefined
  return midnight + ((hour * 60 + minute) * 60 + second) * 1000
}

/** HTTP is younger than 1970, so a two-digit year has one sensible reading for decades to come. */
function fullYear(digits: string): number {
  const year = Number(digits)
  if (digits.length === 4) return year
  return year < 70 ? 2000 + year : 1900 + year
}
