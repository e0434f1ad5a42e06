/** The IndexReader over XML. The parser is loaded with the first document: most engines never see one. */

import type {IndexReader} from '../../ports/index-reader.ts'

export function createIndexReader(): IndexReader {
  return {
    async read(bytes) {
      const {readIndex} = await import('./read-index.ts')
      return readIndex(bytes)
    },
  }
}
