/** What a finished file has to be before it takes its name. */

import type {ExpectedContent} from './content-guard.ts'
import type {Checksum, OperationFacts} from './record.ts'

/** A digest, and who says it: the application, or the server in a field of its answer. */
export interface ExpectedDigest extends Checksum {
  readonly from: 'application' | 'server'
}

export interface ExpectedFile {
  /** Bytes; undefined when nobody knows. */
  readonly size: number | undefined
  readonly digests: readonly ExpectedDigest[]
  readonly content?: ExpectedContent
}

export function expectedFile({policy, evidence}: Pick<OperationFacts, 'policy' | 'evidence'>): ExpectedFile {
  return {
    size: evidence.total,
    digests: expectedDigests(policy, evidence),
    ...(policy.expect === undefined ? {} : {content: policy.expect}),
  }
}

export function expectedDigests(
  {checksum}: Pick<OperationFacts['policy'], 'checksum'>,
  {digest}: Pick<OperationFacts['evidence'], 'digest'>,
): readonly ExpectedDigest[] {
  return [
    ...(checksum === undefined ? [] : [{...checksum, from: 'application' as const}]),
    ...(digest === undefined ? [] : [{...digest, from: 'server' as const}]),
  ]
}
