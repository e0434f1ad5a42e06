/**
 * What the text of a record says of a query before it is parsed, so that a long history is not made objects of to find the few that are
 * meant. It may let through what does not match, and never keeps back what does.
 */

import {isWithin, type OperationFilter} from '../../domain/matches-query.ts'
import {createdAtOfJson, stateOfJson} from './record-codec.ts'

/** Up to the end of the record nothing follows it but plain members: what is nested may say the same of something else. */
const IS_DELIVERED = /,"delivered":true(?:,"\w+":(?:"[^"\\]*"|\d+))*\}$/

/** What JSON has in one way only, wherever it is cut off. */
const PRINTABLE = /^[ -~]*$/

export function textFilterOf(query: OperationFilter): (json: string) => boolean {
  const {states, delivered} = query
  const texts = textsOf(query)
  return (json) =>
    (states === undefined || states.includes(stateOfJson(json))) &&
    (delivered !== false || !IS_DELIVERED.test(json)) &&
    mayBeFrom(json, query) &&
    texts.every((text) => json.includes(text))
}

function mayBeFrom(json: string, {createdFrom, createdBefore}: OperationFilter): boolean {
  if (createdFrom === undefined && createdBefore === undefined) return true
  const createdAt = createdAtOfJson(json)
  return createdAt === undefined || isWithin(createdAt, createdFrom, createdBefore)
}

/** Texts that the record of each operation has that is meant. */
function textsOf({direction, group = '', app, delivered, urlPrefix}: OperationFilter): readonly string[] {
  const texts: string[] = []
  if (direction === 'upload') texts.push('"direction":"upload"')
  if (group !== '') texts.push(`"group":${JSON.stringify(group)}`)
  if (app !== undefined) texts.push(`"app":${JSON.stringify(app)}`)
  if (delivered === true) texts.push('"delivered":true')
  if (urlPrefix !== undefined && PRINTABLE.test(urlPrefix))
    texts.push(`"url":${JSON.stringify(urlPrefix).slice(0, -1)}`)
  return texts
}
