/**
 * From the address in the bar to a live page: the token becomes a cookie, the state is read, the stream is followed. An inspector that is
 * started again on this port has another cookie for the same token.
 */

import {signal} from '@preact/signals'
import type {InspectorMessage} from '../../../src/inspector/protocol.ts'
import {eventsAddress, openSession, Refusal, readState} from './api.ts'
import {noteMessage, refreshDetail, selectedView, selectFirst, selectFromAddress} from './selection.ts'
import {followStream, type Link} from './shared-stream.ts'
import {applyMessage, applyState, now, seenSeq} from './store.ts'

export type Phase = 'starting' | 'ready' | 'locked' | 'unreachable'

const RETRY_MS = 2000
/** What is told only on asking, such as the durable bytes in the explanation, is asked again while bytes move. */
const LOOK_AGAIN_MS = 3000

export const phase = signal<Phase>('starting')
export const link = signal<Link>('connecting')

/** Messages that came while the state was being read; the state may be older than they are. */
let pending: [number, InspectorMessage][] | undefined
let again = false

/** In memory alone: what a browser keeps for a port is for whoever has the port. */
let token: string | undefined

export async function connect(): Promise<void> {
  await exchangeToken()
  // The link again, into the tab that asked for it: the browser sees a new fragment and loads nothing.
  addEventListener('hashchange', async () => {
    if (await exchangeToken()) location.reload()
  })
  setInterval(() => {
    now.value = Date.now()
  }, 500)
  setInterval(() => {
    if (!document.hidden && (selectedView.value?.rate ?? 0) > 0) refreshDetail()
  }, LOOK_AGAIN_MS)
  await readAll()
  if (phase.value !== 'ready') return
  await selectFromAddress()
  followStream(eventsAddress, {seen: seenSeq, message: take, link: noteLink, refused: enterAgain})
}

/**
 * The token stands in the fragment, which no server ever sees; it leaves the address bar and the history at once. Resolves with
 * whether there was one.
 */
async function exchangeToken(): Promise<boolean> {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given === null) return false
  token = given
  history.replaceState(null, '', location.pathname)
  await openSession(token).catch(() => undefined)
  return true
}

/** The stream was refused. A cookie is that of all tabs: one that knows the token lets all of them in. */
async function enterAgain(): Promise<void> {
  if (token !== undefined) await openSession(token).catch(() => undefined)
  // Not read anew as a whole before it can be: nobody else may have its place.
  const isLocked = await readState().then(
    () => false,
    (error: unknown) => error instanceof Refusal && error.status === 401,
  )
  if (isLocked) phase.value = 'locked'
}

async function readAll(): Promise<void> {
  if (pending !== undefined) {
    again = true
    return
  }
  pending = []
  try {
    applyState(await readState())
    phase.value = 'ready'
  } catch (error) {
    phase.value = error instanceof Refusal && error.status === 401 ? 'locked' : 'unreachable'
    if (phase.value === 'unreachable') setTimeout(() => location.reload(), RETRY_MS)
  }
  const missed = pending
  pending = undefined
  for (const [seq, message] of missed) take(seq, message)
  if (again) {
    again = false
    await readAll()
  }
}

function take(seq: number, message: InspectorMessage): void {
  if (message.type === 'resync') {
    void readAll().then(() => {
      selectFirst()
      refreshDetail()
    })
    return
  }
  if (pending !== undefined) {
    pending.push([seq, message])
    return
  }
  applyMessage(seq, message)
  noteMessage(message)
  selectFirst()
}

/** The stream picks up where it was cut, or says that it cannot. */
function noteLink(next: Link): void {
  link.value = next
  if (next === 'live' && phase.value === 'locked') void readAll()
}
