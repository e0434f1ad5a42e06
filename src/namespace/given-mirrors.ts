/** Other addresses of one file, as a caller gave them. */

import {invalidArgument} from '../domain/errors.ts'
import type {TransferRequest} from '../domain/record.ts'
import {isFtp} from '../engine/bytes/transfer-request.ts'

const MOST_MIRRORS = 100

/** Throws INVALID_ARGUMENT. */
export function mirrorsOf(
  given: readonly (URL | string)[],
  {url, method}: TransferRequest,
  hasBody: boolean,
): {mirrors?: readonly string[]} {
  if (!Array.isArray(given)) throw invalidArgument('mirrors', 'must be a list of URLs')
  if (given.length > MOST_MIRRORS) throw invalidArgument('mirrors', `must be ${MOST_MIRRORS} at most`)
  if (given.length === 0) return {}
  if (method !== 'GET' || isFtp(url)) throw invalidArgument('mirrors', 'are for GET over http and https only')
  const mirrors = given.map((each) => {
    if (!(typeof each === 'string' || each instanceof URL) || !URL.canParse(String(each))) {
      throw invalidArgument('mirrors', 'hold what is no URL')
    }
    const mirror = new URL(each)
    if (mirror.protocol !== 'https:' && mirror.protocol !== 'http:') {
      throw invalidArgument('mirrors', 'must be http or https')
    }
    if (mirror.protocol === 'http:' && url.startsWith('https:')) {
      throw invalidArgument('mirrors', 'must be https where the address is')
    }
    if (mirror.username !== '' || mirror.password !== '') {
      throw invalidArgument('mirrors', 'must have no user information: it is for the own address alone')
    }
    mirror.hash = ''
    return mirror.href
  })
  const others = [...new Set(mirrors)].filter((mirror) => mirror !== url)
  if (hasBody && others.length > 0) throw invalidArgument('mirrors', 'are for requests without a body only')
  return others.length === 0 ? {} : {mirrors: others}
}
