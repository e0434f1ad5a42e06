/** The jar of an engine that is asked for cookies: how long they last, and how many there may be. */

import {serialize} from 'node:v8'
import {MemoryCookieStore} from 'tough-cookie'
import {afterEach, beforeEach, describe, expect, it, onTestFinished, vi} from 'vitest'
import {jarOf} from '../../src/adapters/cookies/jar.ts'
import {LONGEST_COOKIE, LONGEST_PATH, MOST_COOKIES, MOST_OF_A_DOMAIN} from '../../src/adapters/cookies/memory-jar.ts'

const URL = 'https://example.com/a/b'

function openJar() {
  const jar = jarOf(true)
  if (jar === undefined) throw new Error('there is no jar')
  return {
    set: (cookie: string, url = URL) => jar.setCookie(cookie, url, {ignoreError: true}),
    sent: (url = URL) => jar.getCookieString(url),
  }
}

let jar: ReturnType<typeof openJar>

beforeEach(() => {
  vi.useFakeTimers({toFake: ['Date'], now: 1_800_000_000_000})
  jar = openJar()
})

afterEach(() => void vi.useRealTimers())

describe('a cookie with Max-Age', () => {
  it('lasts from when it was set, however often it is sent', async () => {
    await jar.set('short=1; Max-Age=60')
    await jar.set('long=2; Max-Age=999999999999999999; Expires=Wed, 01 Jan 2020 00:00:00 GMT')
    for (let second = 0; second < 60; second += 20) {
      expect(await jar.sent()).toBe('short=1; long=2')
      vi.setSystemTime(Date.now() + 20_000)
    }
    expect(await jar.sent()).toBe('long=2')
  })

  it('of the past ends none that another answer sets at the same time', async () => {
    await Promise.all([jar.set('a=; Max-Age=0'), jar.set('a=1')])
    expect(await jar.sent()).toBe('a=1')
  })

  it('lasts anew when it is set again', async () => {
    await jar.set('a=1; Max-Age=60')
    vi.setSystemTime(Date.now() + 50_000)
    await jar.set('a=2; Max-Age=60')
    vi.setSystemTime(Date.now() + 50_000)
    expect(await jar.sent()).toBe('a=2')
  })

  it.each([
    'Max-Age=0',
    'Max-Age=-5',
    'Expires=Wed, 01 Jan 2020 00:00:00 GMT',
    'Max-Age=0; Expires=Wed, 01 Jan 2100 00:00:00 GMT',
  ])('of the past ends the one that there is: %s', async (past) => {
    await jar.set('a=1')
    await jar.set('b=2')
    await jar.set(`a=; ${past}`)
    expect(await jar.sent()).toBe('b=2')
  })

  it('ends where the clock is set forward, and is there again after nothing', async () => {
    await jar.set('a=1; Max-Age=3600')
    vi.setSystemTime(Date.now() - 86_400_000)
    expect(await jar.sent()).toBe('a=1')
    vi.setSystemTime(Date.now() + 2 * 86_400_000)
    expect(await jar.sent()).toBe('')
  })
})

describe('servers fill a jar as far as they fill a browser', () => {
  it('each domain for itself, with what it set last', async () => {
    await jar.set('login=kept', 'https://other.example/')
    for (let each = 0; each < 1_000; each += 1) await jar.set(`n${each}=v`)
    const names = (await jar.sent()).split('; ').map((pair) => pair.split('=')[0])
    expect(names.length).toBeGreaterThanOrEqual(0.9 * MOST_OF_A_DOMAIN)
    expect(names.length).toBeLessThanOrEqual(MOST_OF_A_DOMAIN)
    expect(names).toEqual(names.map((_, at) => `n${1_000 - names.length + at}`))
    expect(await jar.sent('https://other.example/')).toBe('login=kept')
  })

  it('all of them together, and what was used last stays', async () => {
    const host = (each: number) => `https://host${each}.example/`
    for (let each = 0; each <= MOST_COOKIES; each += 1) {
      vi.setSystemTime(Date.now() + 1_000)
      await jar.set(`c=${each}`, host(each))
      if (each % 100 === 0) await jar.sent(host(7))
    }
    expect(await jar.sent(host(7))).toBe('c=7')
    expect(await jar.sent(host(8))).toBe('')
    expect(await jar.sent(host(MOST_COOKIES / 10 - 1))).toBe('')
    expect(await jar.sent(host(MOST_COOKIES / 10 + 2))).toBe(`c=${MOST_COOKIES / 10 + 2}`)
    expect(await jar.sent(host(MOST_COOKIES))).toBe(`c=${MOST_COOKIES}`)
  })

  it('with none that is too long', async () => {
    await jar.set(`a=${'v'.repeat(LONGEST_COOKIE - 1)}`)
    await jar.set(`b=${'v'.repeat(LONGEST_COOKIE)}`)
    expect((await jar.sent()).split('; ').map(([name]) => name)).toEqual(['a'])
  })

  it('with no place of one that was over when it came', async () => {
    const keptBytes = watchStore()
    await jar.set('a=1')
    for (let each = 0; each <= MOST_COOKIES; each += 1) await jar.set(`b=; Max-Age=0; Path=/${each}`)
    expect(keptBytes()).toBeLessThan(1_000)
    expect(await jar.sent()).toBe('a=1')
  })

  it('with nothing that is not theirs to say, and no path that is too long', async () => {
    const keptBytes = watchStore()
    await jar.set(`a=1; Path=/${'p'.repeat(LONGEST_PATH)}; Other=${'o'.repeat(10_000)}`)
    expect(await jar.sent()).toBe('a=1')
    expect(keptBytes()).toBeLessThan(1_000)
  })
})

/** How much of memory is in the store that is put into next. */
function watchStore(): () => number {
  const put = vi.spyOn(MemoryCookieStore.prototype, 'putCookie')
  onTestFinished(() => put.mockRestore())
  return () => serialize((put.mock.contexts[0] as MemoryCookieStore | undefined)?.idx).length
}

it.each(['test', 'local', 'example', 'localhost', 'intranet', 'printer'])(
  'a machine named %s has its own',
  async (host) => {
    expect(await jar.sent(`http://${host}/`)).toBe('')
    await jar.set('a=1; Path=/a', `http://${host}/`)
    await jar.set('b=2; Path=/b', `http://${host}/`)
    expect(await jar.sent(`http://${host}/b/c`)).toBe('b=2')
    expect(await jar.sent(`http://${host}x/b`)).toBe('')
  },
)

it('takes only what its address may set', async () => {
  const refused = ['a=1; Domain=com', 'b=2; Domain=other.example', '__Host-c=3; Path=/', '__Secure-d=4', 'no name', '']
  for (const each of refused) await jar.set(each, 'http://example.com/')
  expect(await jar.sent('http://example.com/')).toBe('')
})

it('a name that begins like __Secure- or __Host- promises the same in any letters', async () => {
  for (const name of ['__secure-a', '__SECURE-b', '__host-c', '__HoSt-d']) {
    await jar.set(`${name}=planted; Path=/; Domain=example.com`)
    await jar.set(`${name}=planted; Path=/; Domain=example.com`, 'http://evil.example.com/')
  }
  await jar.set('__host-e=planted; Secure; Path=/; Domain=example.com')
  await jar.set('__host-f=planted; Secure')
  expect(await jar.sent()).toBe('')
  await jar.set('__secure-a=1; Secure; Path=/')
  await jar.set('__host-b=2; Secure; Path=/')
  expect(await jar.sent()).toBe('__secure-a=1; __host-b=2')
})
