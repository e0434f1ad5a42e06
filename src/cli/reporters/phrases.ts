/** The words in which a run is told to a person. */

import {relative, sep} from 'node:path'
import type {Totals} from '../follower.ts'
import {reasonOf} from '../resting.ts'
import {bytesText, durationText, placeText, plural, rateText} from '../text.ts'
import type {Notice, Transfer} from '../transfer.ts'

/** Behind a separator is nothing, a dot, or what begins with two: `node:path` knows what that means. */
const ODD = /[\\/](?:\.\.|\.?(?:[\\/]|$))/

/** The file as the person who stands in the working directory would name it; what has no file is an upload. */
export function fileText(file: string): string {
  return file === '' ? 'upload' : placeText(fromHere(file))
}

function fromHere(file: string): string {
  const here = workingDirectory()
  if (here === undefined) return file
  // Nearly all are there or below it, and `relative` takes both paths apart for each line.
  if (file.startsWith(here) && file[here.length] === sep && !ODD.test(file)) return file.slice(here.length + 1)
  const way = relative(here, file)
  return way === '' || way.startsWith('..') ? file : way
}

/** Undefined where somebody removed it. */
function workingDirectory(): string | undefined {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

export function skippedText(file: string): string {
  return `${fileText(file)}: is there already`
}

/** What happened, or nothing where another line says it: a failure has its error line. */
export function happeningText({happening, at, transfer}: Notice): string | undefined {
  const {direction, bytes, error, retryAt, url} = transfer
  switch (happening) {
    case 'queued':
    case 'failed':
      return undefined
    case 'started':
      return bytes === 0 ? `started, ${placeText(url)}` : undefined
    case 'joined':
      return `on its way already, at ${plural(bytes, 'byte')}`
    case 'resumed':
      return `resumed at ${plural(bytes, 'byte')}`
    case 'restarted':
      return direction === 'upload'
        ? 'sent anew from the first byte'
        : 'restarted from zero: the bytes that were here are of no use any more'
    case 'retrying':
      return `retrying in ${durationText(Math.max(100, (retryAt ?? at) - at))} because ${error?.message ?? 'the try failed'}`
    case 'paused':
      return pausedText(transfer)
    case 'completed':
      return `completed, ${plural(bytes, 'byte')}${direction === 'upload' ? ' sent' : ''}`
    case 'canceled':
      return 'canceled'
  }
}

function pausedText({state, bytes, error}: Transfer): string {
  // An error may be older than the pause; a full disk says more than its pause does.
  const why = (state === 'pausedForStorage' ? error?.message : undefined) ?? reasonOf(state) ?? error?.message
  return why === undefined ? `paused at ${plural(bytes, 'byte')}` : `paused because ${why}`
}

export function summaryLines(totals: Totals & {elapsedMs: number}) {
  const {completed, files, skipped, fetchedBytes, isSending, retries, elapsedMs} = totals
  const rate = elapsedMs > 0 ? (fetchedBytes / elapsedMs) * 1000 : 0
  const there = skipped === 0 ? '' : `, ${skipped} of them there already`
  return [
    `${completed} of ${plural(files, isSending ? 'upload' : 'file')} complete${there}, ${bytesText(fetchedBytes)} ${isSending ? 'sent' : 'received'} in ${durationText(elapsedMs)}`,
    `average ${rateText(rate)}, ${retries === 1 ? '1 retry' : `${retries} retries`}`,
  ]
}
