/** A session of a host by hand: its stream is open, and what is called goes out as it stands. */

import {randomUUID} from 'node:crypto'
import {once} from 'node:events'
import {type IncomingMessage, request} from 'node:http'
import {join} from 'node:path'
import {controlAddress} from '../../src/adapters/control/control-address.ts'
import {HEIR_HEADER, HOST_API_VERSION} from '../../src/ports/host-connection.ts'
import {onCleanup} from '../integration/harness.ts'

export interface Answer {
  readonly status: number | undefined
  readonly body: {readonly error?: {readonly code: string; readonly message: string}; readonly [name: string]: unknown}
}

/** Of the store of an engine that the harness opened. */
export function socketOf(directory: string): string {
  return controlAddress(join(directory, '.store'))
}

export async function ask(socketPath: string, method: string, path: string, body?: string): Promise<Answer> {
  const asked = request({socketPath, method, path, headers: {host: 'control'}})
  asked.end(body)
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk)
  return {status: answer.statusCode, body: JSON.parse(Buffer.concat(chunks).toString('utf8'))}
}

export async function openSession(socketPath: string, id: string = randomUUID(), app?: string, isHeir = false) {
  const name = app === undefined ? '' : `&app=${app}`
  const asked = request({
    socketPath,
    path: `/api/v1/session?id=${id}&api=${HOST_API_VERSION}${name}`,
    headers: {host: 'control', ...(isHeir ? {[HEIR_HEADER]: '1'} : {})},
  })
  asked.on('error', () => undefined)
  asked.end()
  const [stream] = (await once(asked, 'response')) as [IncomingMessage]
  stream.setEncoding('utf8')
  onCleanup(async () => void asked.destroy())
  const messages = (async function* () {
    let rest = ''
    for await (const chunk of stream) {
      const frames = `${rest}${chunk}`.split('\n\n')
      rest = frames.pop() ?? ''
      for (const frame of frames) yield JSON.parse(frame.replace('data: ', ''))
    }
  })()
  let calls = 0
  const callAll = async (all: readonly (readonly [name: string, input: unknown])[]) => {
    const first = calls
    calls += all.length
    const body = {settled: 0, calls: all.map(([name, input], index) => ({id: first + index, name, input}))}
    const {status, body: answer} = await ask(socketPath, 'POST', `/api/v1/session/${id}/calls`, JSON.stringify(body))
    if (status !== 202) return all.map(() => answer)
    const answers = new Map<number, Answer['body']>()
    while (answers.size < all.length) {
      const {value} = await messages.next()
      if (value.type === 'result' && value.id >= first) answers.set(value.id, value)
    }
    return all.map((_, index) => answers.get(first + index) ?? {})
  }
  return {
    id,
    path: `/api/v1/session/${id}`,
    /** Without a goodbye. */
    leave: () => void asked.destroy(),
    welcome: (await messages.next()).value,
    /** What is said from now on. */
    messages,
    callAll,
    // biome-ignore lint/suspicious/noExplicitAny: what a host says is looked at as it comes.
    call: async (name: string, input: unknown): Promise<any> => (await callAll([[name, input]]))[0],
  }
}
