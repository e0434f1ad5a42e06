/** What a caller may say about TLS, and the sessions that spare a second connection to an origin most of its handshake. */

import {X509Certificate} from 'node:crypto'
import type {ConnectionOptions, SecureContext, SecureContextOptions, SecureVersion} from 'node:tls'
import {invalidArgument} from '../../domain/errors.ts'

/** Loaded with the first connection that needs it: a download over plain HTTP starts without. */
export function nodeTls(): typeof import('node:tls') {
  return process.getBuiltinModule('node:tls')
}

/** As the TLS of Node takes it. */
export type TlsOptions = Readonly<
  Pick<
    ConnectionOptions,
    | 'ca'
    | 'cert'
    | 'key'
    | 'passphrase'
    | 'pfx'
    | 'rejectUnauthorized'
    | 'minVersion'
    | 'maxVersion'
    | 'ciphers'
    | 'secureContext'
    | 'servername'
  >
>

type Pem = string | Buffer

/** What an application may say of TLS. Texts in PEM; nothing of it is stored. */
export interface TlsSettings {
  /** Authorities to trust instead of those that Node.js knows; add `...rootCertificates` of node:tls to trust both. */
  readonly ca?: Pem | readonly Pem[]
  /** The certificate that says who we are to servers that ask for one, with its chain. Wants `key`. */
  readonly cert?: Pem
  readonly key?: Pem
  /** For an encrypted `key` or `pfx`. */
  readonly passphrase?: string
  /** Certificate and key together, as PKCS 12. */
  readonly pfx?: Buffer
  /** The name to ask for and to expect in the certificate, if not the host's. */
  readonly servername?: string
  /** 'TLSv1.2' by default. */
  readonly minVersion?: SecureVersion
  /**
   * Anybody on the way may read and change everything. For test servers only: give the server's authority as `ca` instead.
   */
  readonly dangerouslyAcceptAnyCertificate?: boolean
}

/** Reads keys and certificates once, for all connections. Throws INVALID_ARGUMENT; no text of theirs is quoted. */
export function tlsOptionsOf(settings: TlsSettings | undefined): TlsOptions {
  if (settings === undefined) return {}
  const {ca, cert, key, passphrase, pfx, servername, minVersion, dangerouslyAcceptAnyCertificate} = settings
  if ((cert === undefined) !== (key === undefined)) {
    throw invalidArgument(
      cert === undefined ? 'tls.cert' : 'tls.key',
      'is missing: a certificate and its key go together',
    )
  }
  const authorities = ca === undefined ? undefined : [ca].flat()
  if (authorities?.length === 0) throw invalidArgument('tls.ca', 'must name an authority')
  authorities?.forEach(assertCertificate)
  for (const [name, text] of Object.entries({passphrase, servername})) {
    if (text !== undefined && typeof text !== 'string') throw invalidArgument(`tls.${name}`, 'must be text')
  }
  return {
    secureContext: secureContextOf({
      ...(authorities === undefined ? {} : {ca: [...authorities]}),
      ...(cert === undefined ? {} : {cert}),
      ...(key === undefined ? {} : {key}),
      ...(passphrase === undefined ? {} : {passphrase}),
      ...(pfx === undefined ? {} : {pfx}),
      ...(minVersion === undefined ? {} : {minVersion}),
    }),
    // For https proxies, which get nothing else of it.
    ...(authorities === undefined ? {} : {ca: [...authorities]}),
    ...(servername === undefined ? {} : {servername}),
    ...(dangerouslyAcceptAnyCertificate === true ? {rejectUnauthorized: false} : {}),
  }
}

/** Node.js passes over what holds none, and then trusts nobody: every connection would fail, and nothing would say why. */
function assertCertificate(pem: unknown): void {
  try {
    new X509Certificate(pem as Pem)
    // It takes the binary form as well.
    if (Buffer.from(pem as Pem).includes('-----BEGIN ')) return
  } catch {
    // No certificate.
  }
  throw invalidArgument('tls.ca', 'must be certificates in PEM')
}

function secureContextOf(options: SecureContextOptions): SecureContext {
  try {
    return nodeTls().createSecureContext(options)
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? ` (${String(thrown.code)})` : ''
    throw invalidArgument('tls', `holds a certificate, key or version that cannot be used${code}`)
  }
}

const MAX_SESSIONS = 100

export class TlsSessions {
  readonly #byOrigin = new Map<string, Buffer>()

  get(origin: string): Buffer | undefined {
    return this.#byOrigin.get(origin)
  }

  remember(origin: string, session: Buffer): void {
    this.#byOrigin.delete(origin)
    this.#byOrigin.set(origin, session)
    if (this.#byOrigin.size <= MAX_SESSIONS) return
    const [oldest] = this.#byOrigin.keys()
    if (oldest !== undefined) this.#byOrigin.delete(oldest)
  }
}
