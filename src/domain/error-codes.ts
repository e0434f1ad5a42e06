/**
 * The one table of codes: what each decides of an error. docs/reference/errors.md has a heading for each code, and a test compares the
 * two.
 */

export type ErrorKind =
  | 'network'
  | 'server'
  | 'integrity'
  | 'storage'
  | 'configuration'
  | 'state'
  | 'canceled'
  | 'internal'

/** never: the operation ends. backoff: another try after a wait. storage: a pause until there is room. */
export type RetryVerdict = 'never' | 'backoff' | 'storage'

interface CodeFacts {
  readonly kind: ErrorKind
  readonly retry: RetryVerdict
  /** Unsigned 32-bit HRESULT (spec 7.1, 7.3). HTTP_STATUS computes its own from the status. */
  readonly hresult: number
  /** What a program can do, by the names of the library; commands say it by theirs (src/cli/advice.ts). HTTP_STATUS says it by the status. */
  readonly advice: string
}

export const ERROR_CODES = {
  CONNECT_TIMEOUT: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072ee2,
    advice: 'check that the server is up, or raise connectTimeoutMs',
  },
  RESPONSE_TIMEOUT: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072ee2,
    advice: 'try again later, or raise responseTimeoutMs',
  },
  STALLED: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072ee2,
    advice: 'start the same transfer again to continue, or raise stallTimeoutMs',
  },
  CONNECTION_REFUSED: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072efd,
    advice: 'check the host and the port, and that the server is up',
  },
  CONNECTION_RESET: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072eff,
    advice: 'start the same transfer again to continue',
  },
  TRUNCATED: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072efe,
    advice: 'start the same transfer again to continue',
  },
  NAME_NOT_RESOLVED: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072ee7,
    advice: 'check the spelling of the host name and the DNS settings',
  },
  NETWORK_UNREACHABLE: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072f84,
    advice: 'check the network connection',
  },
  PROXY_FAILED: {
    kind: 'network',
    retry: 'backoff',
    hresult: 0x80072efd,
    advice: 'check the address of the proxy, and that it lets this server be asked',
  },
  PROXY_UNAUTHORIZED: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80190197,
    advice: 'give the proxy’s name and password, as in http://NAME:PASSWORD@HOST:PORT, or as proxyCredential',
  },
  COOKIES_FAILED: {
    kind: 'configuration',
    retry: 'backoff',
    hresult: 0x80004005,
    advice: 'look at the jar or the store that was given as the option cookies',
  },
  PROVIDER_FAILED: {
    kind: 'configuration',
    retry: 'backoff',
    hresult: 0x80004005,
    advice: 'look at the provider of this name among beforeAttempt',
  },
  PROVIDER_TIMEOUT: {
    kind: 'configuration',
    retry: 'backoff',
    hresult: 0x800705b4,
    advice: 'see what the provider waits for, or raise beforeAttemptTimeoutMs',
  },
  PROVIDER_UNKNOWN: {
    kind: 'configuration',
    retry: 'never',
    hresult: 0x80070057,
    advice:
      'open the engine with a provider of this name among beforeAttempt; the same transfer, started again, goes on',
  },
  EGRESS_REFUSED: {
    kind: 'configuration',
    retry: 'never',
    hresult: 0x80070005,
    advice: 'ask for another server, or let this one be asked with the option egress',
  },
  CERTIFICATE_INVALID: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80072f17,
    advice: 'the server does not prove who it is; check the address, or trust its authority with tls.ca',
  },
  CERTIFICATE_EXPIRED: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80072f05,
    advice: 'ask the owner of the server to renew it, and check the clock of this machine',
  },
  CERTIFICATE_NAME_MISMATCH: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80072f06,
    advice: 'check the host name in the URL',
  },
  CERTIFICATE_REVOKED: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80072f8a,
    advice: 'ask the owner of the server to replace it',
  },
  CERTIFICATE_UNTRUSTED: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80072f0d,
    advice: 'name the authority that signed it in tls.ca, if you trust it',
  },
  TLS_FAILED: {
    kind: 'network',
    retry: 'never',
    hresult: 0x80072efd,
    advice: 'check that the address speaks TLS (https) on this port',
  },
  INVALID_RESPONSE: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80072f78,
    advice: 'the server does not speak HTTP as it should; tell its owner',
  },
  HTTP_STATUS: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80190001,
    advice: 'check the URL and the headers of the request',
  },
  NOT_BEFORE: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80190001,
    advice: 'start the same transfer again after that time',
  },
  REDIRECT_FAILED: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80072f7c,
    advice: 'ask for the final address instead',
  },
  REDIRECT_INSECURE: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80072f08,
    advice: 'ask for the http address yourself, if that is meant',
  },
  UNRELIABLE_RANGES: {
    kind: 'server',
    retry: 'backoff',
    hresult: 0x80072f78,
    advice: 'the server answers ranges wrongly; start the same transfer again to start over',
  },
  INSUFFICIENT_RANGE_SUPPORT: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80200013,
    advice: 'download it without random access: the server sends the file only from its start',
  },
  MISSING_CONTENT_LENGTH: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80200011,
    advice: 'download it without random access: the server does not say how long the file is',
  },
  TOO_MANY_RESTARTS: {
    kind: 'server',
    retry: 'never',
    hresult: 0x80072f78,
    advice: 'the resource changes faster than it can be fetched; try again when it is quiet',
  },
  CHECKSUM_MISMATCH: {
    kind: 'integrity',
    retry: 'never',
    hresult: 0x80070017,
    advice: 'nothing was published; check the expected digest and the source',
  },
  CONTENT_UNEXPECTED: {
    kind: 'integrity',
    retry: 'never',
    hresult: 0x8007000d,
    advice: 'nothing was published; look at what the address gives, or expect something else',
  },
  LENGTH_MISMATCH: {
    kind: 'integrity',
    retry: 'backoff',
    hresult: 0x80072efe,
    advice: 'nothing was published; start the same transfer again',
  },
  DOWNLOAD_RESTARTED: {
    kind: 'state',
    retry: 'never',
    hresult: 0x8000000c,
    advice: 'read again from the start, or go on with the new version',
  },
  PART_LOST: {
    kind: 'integrity',
    retry: 'backoff',
    hresult: 0x80070002,
    advice: 'the partial file was removed or changed by somebody else; start the same transfer again',
  },
  SOURCE_MISSING: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x80070002,
    advice: 'check the path of the file to send',
  },
  SOURCE_CHANGED: {
    kind: 'integrity',
    retry: 'never',
    hresult: 0x800703ee,
    advice: 'send it again when nobody writes to it any more',
  },
  UPLOAD_LOST: {
    kind: 'server',
    retry: 'backoff',
    hresult: 0x80190194,
    advice: 'ask the owner of the server how long it keeps unfinished uploads, and send it again',
  },
  UPLOAD_TERMINATED: {
    kind: 'canceled',
    retry: 'never',
    hresult: 0x800704c7,
    advice: 'find out whether the server has it already, and send it again if not',
  },
  DISK_FULL: {
    kind: 'storage',
    retry: 'storage',
    hresult: 0x80070070,
    advice: 'free some space; the bytes so far are kept and the transfer goes on by itself',
  },
  DISK_FAILED: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x8007001d,
    advice: 'check the disk; the bytes up to the last checkpoint are kept',
  },
  FILE_EXISTS: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x800700b7,
    advice: 'choose another name, or the collision policy generateUniqueName or replaceExisting',
  },
  FILE_ACCESS: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x80070005,
    advice: 'check the permissions of the destination directory',
  },
  FILE_TOO_LARGE: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x80070299,
    advice: 'choose a destination on a file system that can hold it',
  },
  DIRECTORY_MISSING: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x80070003,
    advice: 'create the directory first',
  },
  DESTINATION_BUSY: {
    kind: 'state',
    retry: 'never',
    hresult: 0x80070057,
    advice: 'wait for that operation or cancel it; one file has one writer',
  },
  STORE_LOCKED: {
    kind: 'state',
    retry: 'never',
    hresult: 0x80070020,
    advice: 'wait for it to end, or use another directory',
  },
  HOST_UNREACHABLE: {
    kind: 'state',
    retry: 'never',
    hresult: 0x800706ba,
    advice: 'start one with `bgt host`, or open the store in this process',
  },
  HOST_VERSION: {
    kind: 'configuration',
    retry: 'never',
    hresult: 0x80070677,
    advice: 'start the host again with the version of background-transfer that its clients have',
  },
  STORE_DAMAGED: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x80070570,
    advice: 'look at it with diagnoseStore, and mend it with repairStore',
  },
  STORE_TOO_NEW: {
    kind: 'storage',
    retry: 'never',
    hresult: 0x80070570,
    advice: 'use the version of background-transfer that wrote it, or a newer one',
  },
  OPERATION_UNKNOWN: {
    kind: 'state',
    retry: 'never',
    hresult: 0x80070057,
    advice: 'see queryAsync() for what there is',
  },
  INVALID_ARGUMENT: {
    kind: 'configuration',
    retry: 'never',
    hresult: 0x80070057,
    advice: 'see the documentation of the call',
  },
  NOT_SUPPORTED: {
    kind: 'configuration',
    retry: 'never',
    hresult: 0x80004001,
    advice: 'this version cannot do it yet',
  },
  ILLEGAL_STATE: {
    kind: 'state',
    retry: 'never',
    hresult: 0x8000000e,
    advice: 'look at the operation’s status before the call',
  },
  LIMIT_REACHED: {
    kind: 'state',
    retry: 'never',
    hresult: 0x80070057,
    advice: 'wait until something ended, or raise the limit',
  },
  TASK_FAILED: {
    kind: 'state',
    retry: 'backoff',
    hresult: 0x80004005,
    advice: 'look at the task’s own output, and mend the module that it names',
  },
  TASK_TIMED_OUT: {
    kind: 'state',
    retry: 'backoff',
    hresult: 0x800705b4,
    advice: 'let the task hand its work to transfers and end, or register it with a longer timeoutMs',
  },
  CLOSED: {
    kind: 'state',
    retry: 'never',
    hresult: 0x80000013,
    advice: 'open the engine again',
  },
  CANCELED: {
    kind: 'canceled',
    retry: 'never',
    hresult: 0x80072ef1,
    advice: 'start it again if that was a mistake',
  },
  INTERNAL: {
    kind: 'internal',
    retry: 'never',
    hresult: 0x80004005,
    advice: 'this is a fault of background-transfer; please report it',
  },
} as const satisfies Record<string, CodeFacts>

export type ErrorCode = keyof typeof ERROR_CODES
