/** PUT to a server that is not ours, and keeps files: nginx with its dav module. Left out, and said so, where nginx is missing. */

import {mkdir, readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {contentOf, sha256} from '../support/content.ts'
import {hasNginx, startNginx} from '../support/nginx.ts'
import {failure, makeDirectory, onCleanup, openEngine} from './harness.ts'

const isThere = hasNginx()
const isRequired = process.env.BGT_REQUIRE_PEERS === '1'
if (!isThere && !isRequired) console.log('nginx-dav.test.ts: left out, because nginx is not installed')

const SIZE = 20_000_000

describe.skipIf(!isThere && !isRequired)('nginx with dav', () => {
  it('keeps what is put there, by several at once, and refuses what is too long', {timeout: 60_000}, async () => {
    expect(isThere, 'nginx is required and not installed').toBe(true)
    const directory = await makeDirectory()
    const kept = join(directory, 'kept')
    await mkdir(kept)
    const nginx = await startNginx(kept, 'dav_methods PUT; create_full_put_path on; client_max_body_size 30m;')
    onCleanup(() => nginx.close())
    const engine = await openEngine(directory)
    const uploader = engine.createUploader()
    uploader.method = 'PUT'
    const names = ['a.bin', 'b.bin', 'deep/c.bin']
    const uploads = await Promise.all(
      names.map(async (name, seed) => {
        const source = join(directory, `${seed}.source`)
        await writeFile(source, contentOf(seed, SIZE))
        return uploader.createUpload(`${nginx.origin}/${name}`, source)
      }),
    )
    await Promise.all(uploads.map((upload) => upload.startAsync()))
    for (const [seed, name] of names.entries()) {
      expect(uploads[seed]?.getResponseInformation()?.statusCode).toBe(201)
      expect(sha256(await readFile(join(kept, name)))).toBe(sha256(contentOf(seed, SIZE)))
    }
    const large = join(directory, 'large.source')
    await writeFile(large, contentOf(9, 31 * 1024 ** 2))
    const refused = uploader.createUpload(`${nginx.origin}/large.bin`, large)
    expect(await failure(refused.startAsync())).toMatchObject({code: 'HTTP_STATUS', details: {status: 413}})
    const again = uploader.createUpload(`${nginx.origin}/a.bin`, join(directory, '1.source'))
    await again.startAsync()
    expect(again.getResponseInformation()?.statusCode).toBe(204)
    expect(sha256(await readFile(join(kept, 'a.bin')))).toBe(sha256(contentOf(1, SIZE)))
  })
})
