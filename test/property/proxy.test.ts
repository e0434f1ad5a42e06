/** Proxies as applications and environments name them. */

import {describe, expect, it} from 'vitest'
import {proxyOfEnvironment} from '../../src/cli/proxy-environment.ts'
import {TransferError} from '../../src/domain/errors.ts'
import {parseProxy, proxyFor, proxyRules} from '../../src/domain/proxy.ts'

function chosen(options: Parameters<typeof proxyRules>[0], url: string): string | undefined {
  return proxyFor(proxyRules(options, 'proxy'), new URL(url))?.where
}

describe('the address of a proxy', () => {
  it.each([
    ['http://p', {kind: 'http', hostname: 'p', port: 80, where: 'http://p:80'}],
    ['https://p/', {kind: 'https', hostname: 'p', port: 443, where: 'https://p:443'}],
    ['socks5://[::1]', {kind: 'socks5', hostname: '::1', port: 1080, where: 'socks5://[::1]:1080'}],
    ['socks5h://p:9', {kind: 'socks5', hostname: 'p', port: 9, where: 'socks5://p:9'}],
    [
      'http://me%40x:p%3Aw@p:1',
      {kind: 'http', hostname: 'p', port: 1, where: 'http://p:1', credential: {userName: 'me@x', password: 'p:w'}},
    ],
  ])('%s', (address, expected) => expect(parseProxy(address, 'proxy')).toEqual(expected))

  it.each([
    '',
    'p:80',
    'ftp://p',
    'socks4://p',
    'http://secret@p/path',
    'http://p?x',
    'http://p#x',
    'http://p:0',
    'http://a%0Asecret@p',
    7,
  ])('%j is none, and is not quoted', (address) => {
    try {
      parseProxy(address as string, 'proxy')
      throw new Error('it was taken')
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(TransferError)
      expect((thrown as TransferError).code).toBe('INVALID_ARGUMENT')
      expect((thrown as TransferError).toLine()).not.toContain('secret')
    }
  })
})

describe('the choice of a proxy', () => {
  it('is by the scheme of the address', () => {
    expect(chosen(undefined, 'http://a')).toBeUndefined()
    expect(chosen('http://p', 'https://a')).toBe('http://p:80')
    expect(chosen({http: 'http://p'}, 'https://a')).toBeUndefined()
    expect(chosen({https: 'http://p'}, 'https://a')).toBe('http://p:80')
  })

  it.each([
    ['a.example', ['a.example'], true],
    ['sub.a.example', ['a.example'], true],
    ['sub.a.example', ['.a.example'], true],
    ['sub.a.example', ['*.a.example'], true],
    ['A.example.', ['a.EXAMPLE'], true],
    ['nota.example', ['a.example'], false],
    ['a.example', ['*'], true],
    ['a.example', ['a.example:80'], true],
    ['a.example', ['a.example:81'], false],
    ['127.0.0.1', ['127.0.0.1'], true],
    ['[::1]', ['::1'], true],
    ['[::1]:8080', ['[::1]:8080'], true],
    ['a.example', ['', ' '], false],
  ] as const)('http://%s with the exemptions %j: %s', (host, noProxy, isExempt) => {
    expect(chosen({http: 'http://p', noProxy}, `http://${host}`) === undefined).toBe(isExempt)
  })

  it('refuses what is no choice', () => {
    for (const wrong of [7, null, {noProxy: 'a'}, {noProxy: [7]}, {http: 'x'}]) {
      expect(() => proxyRules(wrong as never, 'proxy')).toThrow(TransferError)
    }
  })
})

describe('the proxy of an environment', () => {
  it.each<[Record<string, string>, object | undefined]>([
    [{}, undefined],
    [{http_proxy: ' ', no_proxy: 'a'}, undefined],
    [
      {http_proxy: 'p:1', HTTP_PROXY: 'q'},
      {http: 'http://p:1', noProxy: []},
    ],
    [
      {HTTPS_PROXY: 'http://q', NO_PROXY: 'a, b c'},
      {https: 'http://q', noProxy: ['a', 'b', 'c']},
    ],
    [{all_proxy: 'socks5://s'}, {http: 'socks5://s', https: 'socks5://s', noProxy: []}],
    [{HTTP_PROXY: 'http://evil', REQUEST_METHOD: 'GET'}, undefined],
  ])('%j', (env, expected) => expect(proxyOfEnvironment(env)).toEqual(expected))
})
