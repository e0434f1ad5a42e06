/**
 * A server that speaks S3 (s3rver), which checks signatures, with a script that may answer in its place, and addresses signed for
 * it. It knows no AbortMultipartUpload: that is answered here.
 */

import {once} from 'node:events'
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {sign} from 'aws4'
import S3rver from 's3rver'

const KEYS = {accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER'}

export type S3Script = (request: IncomingMessage, response: ServerResponse, what: string) => 'answered' | undefined

export class S3Server {
  /** `part 1`, `complete`, `abort`, `create`, `HEAD`, … in order. */
  readonly requests: string[] = []
  script: S3Script = () => undefined
  readonly #http: Server

  private constructor(s3: S3rver) {
    const serve = s3.callback()
    this.#http = createServer((request, response) => {
      const what = meaningOf(request)
      this.requests.push(what)
      request.on('error', () => undefined)
      if (this.script(request, response, what) === 'answered') return
      if (what === 'abort') response.writeHead(204).end()
      else serve(request, response)
    })
  }

  static async start(directory: string): Promise<S3Server> {
    const s3 = new S3rver({directory, silent: true, configureBuckets: [{name: 'bucket'}]})
    await s3.configureBuckets()
    const server = new S3Server(s3)
    server.#http.listen(0, '127.0.0.1')
    await once(server.#http, 'listening')
    return server
  }

  get host(): string {
    return `127.0.0.1:${(this.#http.address() as AddressInfo).port}`
  }

  get url(): string {
    return `http://${this.host}/bucket/video.bin`
  }

  /** A signed address of the object, with this query. */
  signed(method: string, query = ''): string {
    const path = `/bucket/video.bin?X-Amz-Expires=600${query === '' ? '' : `&${query}`}`
    const request = {host: this.host, method, path, service: 's3', region: 'us-east-1', signQuery: true} as const
    return `http://${this.host}${sign(request, KEYS).path}`
  }

  /** CreateMultipartUpload, as the application's own service does it. */
  async create(): Promise<string> {
    const response = await fetch(this.signed('POST', 'uploads='), {method: 'POST'})
    const [, uploadId] = /<UploadId>([^<]+)<\/UploadId>/.exec(await response.text()) ?? []
    if (uploadId === undefined) throw new Error(`no upload: ${response.status}`)
    return uploadId
  }

  async object(): Promise<Buffer | undefined> {
    const response = await fetch(this.signed('GET'))
    return response.ok ? Buffer.from(await response.arrayBuffer()) : undefined
  }

  async close(): Promise<void> {
    this.#http.closeAllConnections()
    this.#http.close()
  }
}

function meaningOf({method, url = ''}: IncomingMessage): string {
  const {searchParams} = new URL(url, 'http://localhost')
  if (method === 'PUT') return `part ${searchParams.get('partNumber')}`
  if (method === 'POST') return searchParams.has('uploads') ? 'create' : 'complete'
  return method === 'DELETE' ? 'abort' : (method ?? '')
}
