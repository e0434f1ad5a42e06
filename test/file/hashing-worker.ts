/** A process that has a large part hashed and then has nothing more to do: says how the digest went, and ends by itself. */

import {join} from 'node:path'
import {createFileSink} from '../../src/adapters/file/file-sink.ts'
import {isOperationId} from '../../src/domain/operation-id.ts'
import {contentOf} from '../support/content.ts'

const [directory = '', hex = '', how = 'verify'] = process.argv.slice(2)
const id = '0f8fad5b-d9cb-469f-a165-70867728950e'
if (!isOperationId(id)) throw new Error('no id')

const SIZE = 20 * 1024 * 1024
const sink = createFileSink({durability: 'process'})
const name = {id, file: join(directory, 'file'), generation: 1}
const {part} = await sink.openPart(name, [])
part.digest('sha256')
await part.write(contentOf(7, SIZE), SIZE, 0)
await part.close()
if (how === 'verify') {
  const digests = [{algorithm: 'sha256', hex, from: 'application'}] as const
  await sink.verify(name, {size: SIZE, digests}, new AbortController().signal)
}
console.log('done')
