/** The parts of a multipart upload, byte for byte (spec 2.4). Numbers are the checklist's items. */

import {writeFile} from 'node:fs/promises'
import {describe, expect, it} from 'vitest'
import {BackgroundTransferContentPart, type BackgroundUploader} from '../../../src/index.ts'
import {SinkServer} from '../../support/sink-server.ts'
import {failure, makeWorld, onCleanup} from '../harness.ts'

async function makeBench() {
  const {engine, file} = await makeWorld()
  const sink = await SinkServer.start()
  onCleanup(() => sink.close())
  const uploader = engine.createUploader()
  return {
    uploader,
    sink,
    file,
    send: (parts: readonly BackgroundTransferContentPart[]) => sendBy(uploader, sink, parts),
  }
}

/** What arrives, with `own` for a boundary. */
async function sendBy(
  uploader: BackgroundUploader,
  sink: SinkServer,
  parts: readonly BackgroundTransferContentPart[],
): Promise<string> {
  const upload = await uploader.createUploadAsync(sink.url('/'), parts, 'form-data', 'own')
  await upload.startAsync()
  return String(sink.arrivals.at(-1)?.body)
}

function textPart(name: string, text: string): BackgroundTransferContentPart {
  const part = new BackgroundTransferContentPart(name)
  part.setText(text)
  return part
}

describe('17.H the parts of an upload', () => {
  it('169, 170. names and texts arrive as they are, but for what would end a parameter', async () => {
    const {send, file} = await makeBench()
    await writeFile(file('empty'), '')
    const named = new BackgroundTransferContentPart('a "b"\r\nc: d é', 'C:\\sub\\"x".bin')
    named.setFile(file('empty'))
    expect(await send([named, textPart('', ''), textPart('t', '\r\n')])).toBe(
      [
        '--own',
        'Content-Disposition: form-data; name="a %22b%22%0D%0Ac: d é"; filename="C:\\sub\\%22x%22.bin"',
        '',
        '',
        '--own',
        'Content-Disposition: form-data; name=""',
        '',
        '',
        '--own',
        'Content-Disposition: form-data; name="t"',
        '',
        '\r\n',
        '--own--',
        '',
      ].join('\r\n'),
    )
  })

  it('172. setHeader sets or replaces in whatever case, the disposition too, and in that part only', async () => {
    const {send} = await makeBench()
    const part = textPart('named', 'x')
    part.setHeader('X-A', 'first')
    part.setHeader('X-B', 'b')
    part.setHeader('x-a', 'second')
    part.setHeader('content-disposition', 'form-data; name="mine"')
    expect(await send([part, textPart('other', 'y')])).toBe(
      [
        '--own',
        'content-disposition: form-data; name="mine"',
        'x-a: second',
        'X-B: b',
        '',
        'x',
        '--own',
        'Content-Disposition: form-data; name="other"',
        '',
        'y',
        '--own--',
        '',
      ].join('\r\n'),
    )
  })

  it('166. parts and their list are taken at the call, and files are read when they are sent', async () => {
    const {uploader, sink, file} = await makeBench()
    await writeFile(file('f'), 'before')
    const filed = new BackgroundTransferContentPart('f')
    filed.setFile(file('f'))
    const text = textPart('t', 'before')
    const parts = [text, filed, text]
    const creating = uploader.createUploadAsync(sink.url('/'), parts, 'form-data', 'own')
    parts.length = 0
    text.setText('after')
    text.setHeader('X-A', 'after')
    const upload = await creating
    await writeFile(file('f'), 'as it is sent')
    await upload.startAsync()
    const once = '--own\r\nContent-Disposition: form-data; name="t"\r\n\r\nbefore\r\n'
    expect(String(sink.arrivals[0]?.body)).toBe(
      `${once}--own\r\nContent-Disposition: form-data; name="f"\r\n\r\nas it is sent\r\n${once}--own--\r\n`,
    )
  })

  it('175, U18. a file of one part that changes before all of it is sent anew ends the upload', async () => {
    const {uploader, sink, file} = await makeBench()
    const parts = ['a', 'b'].map((name) => {
      const part = new BackgroundTransferContentPart(name)
      part.setFile(file(name))
      return part
    })
    for (const name of ['a', 'b']) await writeFile(file(name), 'before')
    sink.script = (request) => {
      void writeFile(file('b'), 'longer than before').then(() => request.socket.resetAndDestroy())
      return 'takeOver'
    }
    const upload = await uploader.createUploadAsync(sink.url('/'), parts)
    expect((await failure(upload.startAsync())).code).toBe('SOURCE_CHANGED')
    expect(sink.arrivals).toHaveLength(1)
  })
})
