/** What goes wrong at a proxy, told apart from what goes wrong at the server behind it. */

import {TransferError} from '../../domain/errors.ts'
import type {ProxyServer} from '../../domain/proxy.ts'
import {statusLine} from '../../domain/reason-phrase.ts'
import {isRetriedStatus} from '../../domain/retry.ts'
import {toTransferError} from './error-table.ts'

/** A certificate says its own; everything else means that the proxy is not to be had. */
export function proxyUnreachable({where}: ProxyServer, thrown: unknown): TransferError {
  const cause = toTransferError(thrown, where, 'connecting')
  if (cause.code.startsWith('CERTIFICATE_')) return cause
  return new TransferError('PROXY_FAILED', `the proxy cannot be reached: ${cause.message}`, {
    where,
    cause,
    retry: cause.retry,
  })
}

export function proxyAnswered({where}: ProxyServer, status: number): TransferError {
  return new TransferError('PROXY_FAILED', `the proxy answered ${statusLine(status)}`, {
    where,
    details: {status},
    retry: isRetriedStatus(status) ? 'backoff' : 'never',
  })
}

/** It asks who we are, and we have no answer, or another one than it wants. */
export function proxyUnauthorized({where, credential}: ProxyServer): TransferError {
  const message = credential === undefined ? 'the proxy asks who you are' : 'the proxy refuses the credentials'
  return new TransferError('PROXY_UNAUTHORIZED', message, {where})
}

/** What the library says in words only. */
export function socksFailed(proxy: ProxyServer, thrown: unknown): TransferError {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (/authentication/i.test(message)) return proxyUnauthorized(proxy)
  const [, reason] = /rejected connection - (\w+)/.exec(message) ?? []
  const told = reason === undefined ? 'the SOCKS proxy broke off' : `the SOCKS proxy refused: ${inWords(reason)}`
  return new TransferError('PROXY_FAILED', told, {
    where: proxy.where,
    // Its own error object holds the password.
    cause: message,
    retry: reason === 'NotAllowed' || reason === 'AddressNotSupported' ? 'never' : 'backoff',
  })
}

function inWords(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase()
}
