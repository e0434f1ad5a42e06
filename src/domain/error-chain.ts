/**
 * An error as a host tells it to a client: with the chain of its causes, each as far as a program can ask for it. Records and journals
 * keep less, since they are kept.
 */

import {asTransferError, type SerializedError, TransferError} from './errors.ts'

/** One of the causes: an error of ours, or whatever else was thrown. */
export type ToldCause =
  | Omit<SerializedError, 'cause'>
  | {
      readonly name: string
      readonly message: string
      /** Of the system, or of a library, such as ENOENT, and what it says beside that. */
      readonly code?: string
      readonly errno?: number
      readonly syscall?: string
      readonly path?: string
    }
  | {readonly text: string}

export interface ToldError extends SerializedError {
  /** From the nearest to the last, where there is more to tell than `cause` does. */
  readonly causes?: readonly ToldCause[]
}

/** Whatever comes behind these explains nothing; and a chain may be a circle. */
const MOST_CAUSES = 8
const MOST_CHARACTERS = 4_096

export function toTold(thrown: unknown): ToldError {
  const error = asTransferError(thrown)
  const causes: ToldCause[] = []
  for (let cause = error.cause; cause !== undefined && causes.length < MOST_CAUSES; ) {
    causes.push(toldCause(cause))
    cause = cause instanceof Error ? cause.cause : undefined
  }
  return {...error.toSerialized(), ...(causes.length === 0 ? {} : {causes})}
}

export function fromTold({causes = [], ...plain}: ToldError): TransferError {
  const cause = causes.reduceRight<unknown>((behind, each) => causeOf(each, behind), undefined)
  return ofOurs(plain, cause)
}

function toldCause(cause: unknown): ToldCause {
  if (cause instanceof TransferError) {
    const {cause: _, ...told} = cause.toSerialized()
    return told
  }
  if (!(cause instanceof Error)) return {text: shortened(String(cause))}
  const {code, errno, syscall, path} = cause as NodeJS.ErrnoException
  return {
    name: cause.name,
    message: shortened(cause.message),
    ...(typeof code === 'string' ? {code} : {}),
    ...(typeof errno === 'number' ? {errno} : {}),
    ...(typeof syscall === 'string' ? {syscall} : {}),
    ...(typeof path === 'string' ? {path} : {}),
  }
}

function causeOf(told: ToldCause, behind: unknown): unknown {
  if ('text' in told) return told.text
  if (!('name' in told)) return ofOurs(told, behind)
  const {name, message, ...facts} = told
  const error = new Error(message, behind === undefined ? undefined : {cause: behind})
  Object.defineProperty(error, 'name', {value: name, configurable: true, writable: true})
  return Object.assign(error, facts)
}

/** `cause`: as it was, where more is known of it than its description. */
function ofOurs(plain: SerializedError, cause: unknown): TransferError {
  const error = TransferError.fromSerialized(plain)
  if (cause === undefined) return error
  return Object.defineProperty(error, 'cause', {value: cause, configurable: true, writable: true})
}

function shortened(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`
}
