/** What a session with an FTP server depends on: the server, when TLS begins, and who logs in. No proxy: FTP goes through none. */

import type {Credential} from '../../domain/credential.ts'
import type {ExchangeRequest} from '../../ports/transport.ts'

export interface FtpAccess {
  readonly hostname: string
  readonly port: number
  /** Origin, for messages. */
  readonly where: string
  readonly tls: 'none' | 'explicit' | 'implicit'
  readonly credential: Credential
}

const USUAL_PORT = 21
const USUAL_IMPLICIT_PORT = 990
const ANONYMOUS: Credential = {userName: 'anonymous', password: 'anonymous@'}

export function accessOf({url, ftpTls, serverCredential = ANONYMOUS}: ExchangeRequest): FtpAccess {
  const tls = ftpTls ?? 'none'
  const {hostname, port, origin} = new URL(url)
  return {
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (ftpTls === 'implicit' ? USUAL_IMPLICIT_PORT : USUAL_PORT) : Number(port),
    where: origin,
    tls,
    credential: serverCredential,
  }
}

export function isSameServer(one: FtpAccess, other: FtpAccess): boolean {
  return one.hostname === other.hostname && one.port === other.port
}

/** Whether a session for the one may serve the other. */
export function isSameAccess(one: FtpAccess, other: FtpAccess): boolean {
  return (
    isSameServer(one, other) &&
    one.tls === other.tls &&
    one.credential.userName === other.credential.userName &&
    one.credential.password === other.credential.password
  )
}
