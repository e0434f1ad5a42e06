/** Challenges of WWW-Authenticate and Proxy-Authenticate: what a server or a proxy takes as proof of who asks (RFC 9110 11.6.1). */

export interface Challenge {
  /** Lower case. */
  readonly scheme: string
  /** Names in lower case; the first of a repeated name counts. Unquoted; the bytes as latin1 text. */
  readonly parameters: ReadonlyMap<string, string>
}

const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const PARAMETER = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+\-.^_`|~0-9A-Za-z]+))/y
/** What some schemes have instead of parameters; never anything that we could answer. */
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y
const SPACE = /[ \t]*/y
const SEPARATORS = /[ \t,]*/y

/**
 * All challenges of all field values, in order. A comma separates challenges as well as their parameters; what follows the
 * first place that is neither is left out, because nobody can say what it means.
 */
export function parseChallenges(values: readonly string[]): readonly Challenge[] {
  return values.flatMap(challengesOf)
}

function challengesOf(value: string): readonly Challenge[] {
  const found: {scheme: string; parameters: Map<string, string>}[] = []
  let at = skip(SEPARATORS, value, 0)
  while (at < value.length) {
    const current = found.at(-1)
    const parameter = current === undefined ? null : match(PARAMETER, value, at)
    if (current !== undefined && parameter !== null) {
      const [text, name = '', quoted, plain = ''] = parameter
      const key = name.toLowerCase()
      if (!current.parameters.has(key)) current.parameters.set(key, quoted?.replace(/\\(.)/gs, '$1') ?? plain)
      at += text.length
    } else {
      const scheme = match(TOKEN, value, at)?.[0]
      if (scheme === undefined) break
      found.push({scheme: scheme.toLowerCase(), parameters: new Map()})
      at = skip(SPACE, value, at + scheme.length)
      if (match(PARAMETER, value, at) === null) at += match(TOKEN68, value, at)?.[0].length ?? 0
    }
    const next = skip(SPACE, value, at)
    const isOver = next >= value.length || value[next] === ','
    // Parameters follow their scheme after a space, and everything else after a comma.
    if (!isOver && match(PARAMETER, value, next) === null) break
    at = skip(SEPARATORS, value, next)
  }
  return found
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

function skip(pattern: RegExp, text: string, at: number): number {
  return at + (match(pattern, text, at)?.[0].length ?? 0)
}
