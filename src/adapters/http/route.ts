/** How an origin is reached: straight, or by a proxy. Connections are shared by those that go the same way. */

import type {Credential} from '../../domain/credential.ts'
import {type ProxyRules, type ProxyServer, parseProxy, proxyFor} from '../../domain/proxy.ts'
import type {ExchangeRequest} from '../../ports/transport.ts'

export interface Route {
  /** The same for routes that may share a connection. */
  readonly key: string
  /** Scheme, host and port of the server. */
  readonly origin: string
  readonly proxy?: ProxyServer
}

/** The operation's own proxy before the engine's; its own credential before what the address says. */
export function routeOf(origin: string, {proxy, proxyCredential}: ExchangeRequest, rules: ProxyRules): Route {
  const hasRules = rules.http !== undefined || rules.https !== undefined
  if (proxy === 'direct' || (proxy === undefined && !hasRules)) return {key: origin, origin}
  const chosen = proxy === undefined ? proxyFor(rules, new URL(origin)) : parseProxy(proxy, 'proxy')
  if (chosen === undefined) return {key: origin, origin}
  const credential = proxyCredential ?? chosen.credential
  const {credential: _, ...plain} = chosen
  return {
    key: [origin, chosen.where, ...secretsOf(credential)].join('\n'),
    origin,
    proxy: credential === undefined ? plain : {...plain, credential},
  }
}

/** An HTTP proxy is asked for http resources itself; everything else goes through a tunnel, or through SOCKS. */
export function isForwarded({origin, proxy}: Route): boolean {
  return proxy !== undefined && proxy.kind !== 'socks5' && origin.startsWith('http:')
}

function secretsOf(credential: Credential | undefined): readonly string[] {
  return credential === undefined ? [] : [credential.userName, credential.password]
}
