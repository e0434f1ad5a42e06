/** Where connections may lead, and that it is the address that is checked. */

import {describe, expect, it} from 'vitest'
import {Egress, type EgressOptions, isPublicAddress} from '../../src/adapters/http/egress.ts'
import {startHttpProxy, startSocksProxy} from '../support/proxy-server.ts'
import {run, startServer, startTransport} from './harness.ts'

describe('addresses', () => {
  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.100.100.200',
    '127.0.0.1',
    '127.255.255.255',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::a00:1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'ff02::1',
  ])('%s is not public', (address) => expect(isPublicAddress(address)).toBe(false))

  it.each(['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '192.169.0.1', '2606:4700::1111', '2a00:1450:4001::8a'])(
    '%s is public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  )
})

describe('story 28: an address of the own network', () => {
  it.each(['http', 'https'] as const)('is not connected to over %s, whatever it is called', async (scheme) => {
    const server = await startServer(scheme)
    server.route('/a', {content: Buffer.from('secret')})
    const transport = startTransport({egress: {}})
    const {port} = new URL(server.origin)
    for (const host of ['127.0.0.1', 'localhost', '0x7f.1', '2130706433', '[::1]', '[::ffff:127.0.0.1]']) {
      const {error, receiver} = await run(transport, `${scheme}://${host}:${port}/a`)
      expect(error, host).toMatchObject({code: 'EGRESS_REFUSED', retry: 'never'})
      expect(receiver.connections).toBe(0)
    }
    expect(server.connections).toBe(0)
  })

  it('is asked where that is allowed, and where nothing is forbidden', async () => {
    const server = await startServer()
    server.route('/a', {content: Buffer.from('open')})
    for (const options of [{egress: {refusePrivate: false}}, {}]) {
      expect((await run(startTransport(options), server.url('/a'))).error).toBeUndefined()
    }
  })

  it('only servers that are named are asked', async () => {
    const server = await startServer()
    server.route('/a', {content: Buffer.from('open')})
    const {port} = new URL(server.origin)
    const code = async (hosts: readonly string[], host = '127.0.0.1') =>
      (await run(startTransport({egress: {hosts, refusePrivate: false}}), `http://${host}:${port}/a`)).error?.code
    expect(await code(['127.0.0.1'])).toBeUndefined()
    expect(await code([`127.0.0.1:${port}`])).toBeUndefined()
    expect(await code(['127.0.0.1:1'])).toBe('EGRESS_REFUSED')
    expect(await code(['0.0.1'])).toBe('EGRESS_REFUSED')
    expect(await code(['LOCALHOST.'], 'localhost')).toBeUndefined()
    expect(await code(['localhost'])).toBe('EGRESS_REFUSED')
  })

  it('behind a proxy, names that nobody can check are refused', async () => {
    for (const proxy of [await startHttpProxy(), await startSocksProxy()]) {
      const asked = async (egress: EgressOptions, url: string) =>
        (await run(startTransport({proxy: proxy.address, egress}), url)).error?.code
      for (const scheme of ['http', 'https']) {
        expect(await asked({}, `${scheme}://localhost:1/`)).toBe('EGRESS_REFUSED')
        expect(await asked({}, `${scheme}://169.254.169.254/`)).toBe('EGRESS_REFUSED')
        expect(await asked({hosts: ['example.org']}, `${scheme}://localhost:1/`)).toBe('EGRESS_REFUSED')
      }
      expect(proxy.requests).toEqual([])
      expect(await asked({hosts: ['localhost']}, 'https://localhost:1/')).not.toBe('EGRESS_REFUSED')
      expect(proxy.requests.length).toBe(1)
      await proxy.close()
    }
  })

  it.each([{hosts: []}, {hosts: 'a'}, {hosts: ['']}, {hosts: ['http://a/']}, {hosts: [7]}])(
    'refuses %j as an option',
    (options) => {
      expect(() => new Egress(options as never)).toThrow(/egress\.hosts must/)
    },
  )
})
