/** How the command line reaches servers: its flags, and the proxy that the environment names. */

import {readFileSync} from 'node:fs'
import {asTransferError} from '../domain/errors.ts'
import {parseProxy} from '../domain/proxy.ts'
import type {BackgroundTransferEngineOptions} from '../index.ts'
import type {Io} from './io.ts'
import {usageError} from './parse.ts'
import {proxyOfEnvironment} from './proxy-environment.ts'

export interface NetworkFlags {
  readonly proxy?: string
  /** Files in PEM. */
  readonly cacert?: string
  readonly cert?: string
  readonly key?: string
}

export function networkOptions(
  flags: NetworkFlags,
  env: Io['env'],
): Pick<BackgroundTransferEngineOptions, 'proxy' | 'tls'> {
  const {cacert, cert, key} = flags
  const proxy = proxyOptions(flags, env)
  const tls = {
    ...(cacert === undefined ? {} : {ca: readPem(cacert, '--cacert')}),
    ...(cert === undefined ? {} : {cert: readPem(cert, '--cert')}),
    ...(key === undefined && cert === undefined ? {} : {key: readPem(key ?? cert ?? '', '--key')}),
  }
  return {...(proxy === undefined ? {} : {proxy}), ...(Object.keys(tls).length === 0 ? {} : {tls})}
}

/** The flag before the environment, which it leaves unread. */
function proxyOptions({proxy}: NetworkFlags, env: Io['env']): BackgroundTransferEngineOptions['proxy'] {
  if (proxy === 'direct') return undefined
  if (proxy !== undefined) return checked(proxy, '--proxy')
  const found = proxyOfEnvironment(env)
  if (found?.http !== undefined) checked(found.http, 'http_proxy')
  if (found?.https !== undefined) checked(found.https, 'https_proxy')
  return found
}

function checked(address: string, name: string): string {
  try {
    parseProxy(address, 'the proxy')
  } catch (thrown) {
    throw usageError(
      asTransferError(thrown).message,
      name,
      'give http://, https:// or socks5:// with a host and a port',
    )
  }
  return address
}

function readPem(file: string, flag: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const why = isMissing ? 'does not exist' : 'cannot be read'
    throw usageError(`the file of ${flag} ${why}`, file, 'check its name')
  }
  if (!text.includes('-----BEGIN ')) throw usageError('this file holds no PEM', file, `give ${flag} a file in PEM`)
  return text
}
