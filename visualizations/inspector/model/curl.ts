/** The request of an operation as a curl command, masked as the record is: what is secret is to be put in by hand. */

import type {OperationRecord} from '../../../src/domain/record.ts'

export function curlOf({request, target, direction}: OperationRecord): string {
  const {method, url, headers} = request
  const isUpload = direction === 'upload'
  const parts = [
    'curl',
    '--location',
    // curl would fetch a[1-3] three times, and send it as often.
    ...([url, target.file].some((each) => /[[\]{}]/.test(each)) ? ['--globoff'] : []),
    ...(method === 'GET' ? [] : ['--request', quoted(method)]),
    ...headers.flatMap(([name, value]) => ['--header', quoted(`${name}: ${value}`)]),
    ...(isUpload ? ['--upload-file', quoted(target.file)] : ['--continue-at', '-', '--output', quoted(target.file)]),
    quoted(url),
  ]
  return parts.join(' ')
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
