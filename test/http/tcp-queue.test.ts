/** What can be known of what TCP has yet to send, by fields that Node.js does not document: nothing, where it lacks them. */

import {Socket} from 'node:net'
import {describe, expect, it} from 'vitest'
import {givenToTcp, queuedInTcp} from '../../src/adapters/http/tcp-queue.ts'

const TCP = {bytesWritten: 1000, writeQueueSize: 300}
/** What it holds itself is in no queue of TCP. */
const TLS = {bytesWritten: 900, writeQueueSize: 0}

const known = (socket: object) => [givenToTcp(socket as Socket), queuedInTcp(socket as Socket)]

describe('what TCP was given, and has yet to send', () => {
  it.each([
    ['of a plain connection', {_handle: TCP}],
    ['below TLS', {encrypted: true, _handle: {...TLS, _parent: TCP}}],
    [
      'below the TLS to a server within the TLS to its proxy',
      {encrypted: true, _handle: {...TLS, _parent: {...TLS, _parent: TCP}}},
    ],
  ])('is known %s', (_, socket) => {
    expect(known(socket)).toEqual([1000, 300])
  })

  it.each([
    ['that is not there yet', new Socket()],
    ['that is gone', {_handle: null}],
    ['of a Node.js without its handle', {}],
    ['of one whose handle says nothing', {_handle: {}}],
    ['below TLS, of one that hides it there', {encrypted: true, _handle: TLS}],
    ['below TLS over a stream that is no socket', {encrypted: true, _handle: {...TLS, _parent: {}}}],
  ])('is not known of a connection %s', (_, socket) => {
    expect(known(socket)).toEqual([0, Number.POSITIVE_INFINITY])
  })
})
