/** The table of Node's and undici's codes, and the few cases that need more than a code. */

import {describe, expect, it} from 'vitest'
import {toTransferError} from '../../src/adapters/http/error-table.ts'
import {TransferError} from '../../src/domain/errors.ts'

const WHERE = 'https://example.com'

function failure(code: string, more: object = {}): Error {
  return Object.assign(new Error(`message of ${code}`), {code}, more)
}

describe('the error table', () => {
  it.each([
    ['ENOTFOUND', 'NAME_NOT_RESOLVED'],
    ['EAI_AGAIN', 'NAME_NOT_RESOLVED'],
    ['EAI_NODATA', 'NAME_NOT_RESOLVED'],
    ['ECONNREFUSED', 'CONNECTION_REFUSED'],
    ['ECONNRESET', 'CONNECTION_RESET'],
    ['EPIPE', 'CONNECTION_RESET'],
    ['EHOSTUNREACH', 'NETWORK_UNREACHABLE'],
    ['ENETUNREACH', 'NETWORK_UNREACHABLE'],
    ['ENETDOWN', 'NETWORK_UNREACHABLE'],
    ['EMFILE', 'NETWORK_UNREACHABLE'],
    ['CERT_HAS_EXPIRED', 'CERTIFICATE_EXPIRED'],
    ['CERT_NOT_YET_VALID', 'CERTIFICATE_EXPIRED'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'CERTIFICATE_NAME_MISMATCH'],
    ['CERT_REVOKED', 'CERTIFICATE_REVOKED'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'CERTIFICATE_UNTRUSTED'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'CERTIFICATE_UNTRUSTED'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CERTIFICATE_UNTRUSTED'],
    ['UNABLE_TO_GET_ISSUER_CERT', 'CERTIFICATE_UNTRUSTED'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERTIFICATE_UNTRUSTED'],
    ['CERT_SIGNATURE_FAILURE', 'CERTIFICATE_INVALID'],
    ['INVALID_PURPOSE', 'CERTIFICATE_INVALID'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS_FAILED'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'TLS_FAILED'],
    ['EPROTO', 'TLS_FAILED'],
    ['UND_ERR_SOCKET', 'CONNECTION_RESET'],
    ['UND_ERR_HEADERS_OVERFLOW', 'INVALID_RESPONSE'],
    ['HPE_INVALID_CONSTANT', 'INVALID_RESPONSE'],
    ['UND_ERR_INVALID_ARG', 'INVALID_ARGUMENT'],
  ])('turns %s into %s', (code, expected) => {
    const error = toTransferError(failure(code), WHERE, 'connecting')
    expect(error).toMatchObject({code: expected, where: WHERE})
    expect(error.cause).toMatchObject({code})
  })

  it.each([
    ['CERT_HAS_EXPIRED', /not valid at this time/, /owner of the server.*clock of this machine/],
    ['CERT_NOT_YET_VALID', /not valid yet/, /^check the clock of this machine/],
  ])('says of %s what may mend it', (code, message, advice) => {
    const error = toTransferError(failure(code), WHERE, 'connecting')
    expect(error).toMatchObject({message: expect.stringMatching(message), advice: expect.stringMatching(advice)})
  })

  it.each([
    ['ENOTFOUND', 0x80072ee7],
    ['EAI_AGAIN', 0x80072ee7],
    ['EAI_NODATA', 0x80072ee7],
    ['ECONNREFUSED', 0x80072efd],
    ['EHOSTUNREACH', 0x80072f84],
    ['ENETUNREACH', 0x80072f84],
    ['ENETDOWN', 0x80072f83],
    ['ETIMEDOUT', 0x80072ee2],
    ['ECONNRESET', 0x80072eff],
    ['EPIPE', 0x80072efe],
    ['UND_ERR_SOCKET', 0x80072efe],
    ['CERT_HAS_EXPIRED', 0x80072f05],
    ['CERT_NOT_YET_VALID', 0x80072f05],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 0x80072f06],
    ['CERT_REVOKED', 0x80072f8a],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 0x80072f0d],
    ['SELF_SIGNED_CERT_IN_CHAIN', 0x80072f0d],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 0x80072f0d],
    ['UNABLE_TO_GET_ISSUER_CERT', 0x80072f0d],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 0x80072f0d],
    ['CERT_SIGNATURE_FAILURE', 0x80072f17],
    ['HPE_INVALID_CONSTANT', 0x80072f78],
  ])('gives %s the HRESULT of the specification (7.3)', (code, hresult) => {
    for (const moment of ['connecting', 'connected'] as const) {
      const error = toTransferError(failure(code), WHERE, moment)
      expect(error.hresult).toBe(hresult)
      expect(TransferError.fromSerialized(error.toSerialized()).number).toBe(hresult | 0)
    }
  })

  it.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'EADDRNOTAVAIL'])('advises to ask for less where %s is why', (code) => {
    const {advice} = toTransferError(failure(code), WHERE, 'connecting')
    expect(advice).toBe('run fewer transfers at once, or raise the limit of open files (ulimit -n)')
  })

  it('lets the moment decide about ETIMEDOUT', () => {
    expect(toTransferError(failure('ETIMEDOUT'), WHERE, 'connecting').code).toBe('CONNECT_TIMEOUT')
    expect(toTransferError(failure('ETIMEDOUT'), WHERE, 'connected').code).toBe('CONNECTION_RESET')
  })

  it('takes the telling one of several addresses’ failures', () => {
    const both = new AggregateError([failure('ENETUNREACH'), failure('ECONNREFUSED')])
    expect(toTransferError(both, WHERE, 'connecting').code).toBe('CONNECTION_REFUSED')
    const unreachable = new AggregateError([failure('ENETUNREACH'), failure('EHOSTUNREACH')])
    expect(toTransferError(unreachable, WHERE, 'connecting').code).toBe('NETWORK_UNREACHABLE')
  })

  it('keeps an unlisted failure of a system call worth another try', () => {
    const odd = failure('EODD', {syscall: 'connect'})
    expect(toTransferError(odd, WHERE, 'connecting')).toMatchObject({code: 'NETWORK_UNREACHABLE', retry: 'backoff'})
    expect(toTransferError(odd, WHERE, 'connected')).toMatchObject({code: 'CONNECTION_RESET', retry: 'backoff'})
  })

  it('passes our own errors, and admits what it does not know', () => {
    const ours = new TransferError('TRUNCATED', 'x')
    expect(toTransferError(ours, WHERE, 'connected')).toBe(ours)
    expect(toTransferError(new TypeError('oops'), WHERE, 'connected').code).toBe('INTERNAL')
  })
})
