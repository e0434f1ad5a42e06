/**
 * The library's tests, unchanged, with engines that live in a host: what an application has of it is a client's. All of them with
 * BGT_HOST_SUITE=all, and those that ask most of the seam by default. Limits are the exception: a host counts what is started, and
 * not what is created (socket.test.ts).
 */

import {describe} from 'vitest'
import {useHosts} from '../integration/harness.ts'

const ALWAYS = [
  'call-matrix',
  'groups',
  'notifications',
  'pause',
  'persistence',
  'promises',
  'ranges-downloaded',
  'result-streams',
] as const
const MORE = [
  'conditions',
  'construction',
  'content-parts',
  'cookies',
  'credentials',
  'ftp',
  'live-headers',
  'prefetcher',
  'proxies',
  'random-access',
  'recoverable',
  'request-body',
  'server-names',
  'uploads',
  'wire',
] as const

useHosts()

describe('with a host', async () => {
  const names = process.env.BGT_HOST_SUITE === 'all' ? [...ALWAYS, ...MORE] : ALWAYS
  for (const name of names) await import(`../integration/library/${name}.test.ts`)
  if (process.env.BGT_HOST_SUITE === 'all') await import('../tasks/completion-groups.test.ts')
})
