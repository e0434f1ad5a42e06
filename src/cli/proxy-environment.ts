/** The proxy that the environment names, as other programs read it. Only the command line looks there. */

import type {ProxyOptions} from '../domain/proxy.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * http_proxy, https_proxy, all_proxy and no_proxy; capitals count where the small letters are not set. HTTP_PROXY does not
 * count in a CGI program, where it may come from a header of a stranger's request (CVE-2016-5385).
 */
export function proxyOfEnvironment(env: Environment): ProxyOptions | undefined {
  const all = read(env, 'all_proxy')
  const http = (env.REQUEST_METHOD === undefined ? read(env, 'http_proxy') : given(env.http_proxy)) ?? all
  const https = read(env, 'https_proxy') ?? all
  if (http === undefined && https === undefined) return undefined
  const noProxy = (read(env, 'no_proxy') ?? '').split(/[\s,]+/).filter((each) => each !== '')
  return {
    ...(http === undefined ? {} : {http: withScheme(http)}),
    ...(https === undefined ? {} : {https: withScheme(https)}),
    noProxy,
  }
}

/** `host:port` alone means an HTTP proxy. */
function withScheme(address: string): string {
  return address.includes('://') ? address : `http://${address}`
}

function read(env: Environment, name: string): string | undefined {
  return given(env[name]) ?? given(env[name.toUpperCase()])
}

function given(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim()
}
