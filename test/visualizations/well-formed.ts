/** Reads XML strictly enough to catch what a hand-written writer of SVG gets wrong; tells what is wrong, or nothing. */

const TAG = /^<(\/?)([A-Za-z][\w-]*)((?:\s+[A-Za-z][\w:-]*="[^"<]*")*)\s*(\/?)>$/
const BARE_AMPERSAND = /&(?!amp;|lt;|gt;|quot;|apos;)/

export function faultIn(xml: string): string | undefined {
  const open: string[] = []
  let roots = 0
  for (const token of xml.match(/<[^>]*>|[^<]+|</g) ?? []) {
    if (BARE_AMPERSAND.test(token)) return `unescaped ampersand in ${token}`
    if (!token.startsWith('<')) {
      if (open.length === 0 && token.trim() !== '') return `text outside of the root: ${token}`
      continue
    }
    const [, closing, name = '', attributes = '', empty] = TAG.exec(token) ?? []
    if (name === '') return `not a tag: ${token}`
    const names = [...attributes.matchAll(/([\w:-]+)="/g)].map(([, attribute]) => attribute)
    if (new Set(names).size < names.length) return `attribute given twice: ${token}`
    if (closing === '/') {
      if (open.pop() !== name) return `${token} closes what is not open`
      continue
    }
    if (open.length === 0) roots++
    if (empty !== '/') open.push(name)
  }
  if (open.length > 0) return `never closed: ${open.join(' ')}`
  return roots === 1 ? undefined : `${roots} roots`
}
