/** The part of two packages without types that the tests use. */

declare module 's3rver' {
  import type {RequestListener} from 'node:http'

  export default class S3rver {
    constructor(options: {
      readonly directory: string
      readonly silent: boolean
      readonly configureBuckets: readonly {readonly name: string}[]
    })
    configureBuckets(): Promise<void>
    callback(): RequestListener
  }
}

declare module 'aws4' {
  export function sign(
    request: {
      readonly host: string
      readonly method: string
      readonly path: string
      readonly service: 's3'
      readonly region: string
      readonly signQuery: true
    },
    keys: {readonly accessKeyId: string; readonly secretAccessKey: string},
  ): {readonly path: string}
}
