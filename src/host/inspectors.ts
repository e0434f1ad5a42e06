/** Inspectors that clients asked for: pages on loopback, served by the host until they are closed, or it ends. */

import type {Engine} from '../engine/engine.ts'
import type {Inspector} from '../inspector/inspector.ts'
import type {CallAnswer, CallInput} from './protocol.ts'

export class HostInspectors {
  readonly #engine: Engine
  readonly #open = new Map<number, Inspector>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async open({port, control, token}: CallInput<'inspect'>): Promise<CallAnswer<'inspect'>> {
    const {startInspector} = await import('../inspector/inspector.ts')
    const inspector = await startInspector(this.#engine, {
      ...(port === undefined ? {} : {port}),
      ...(control === undefined ? {} : {control}),
      ...(token === undefined ? {} : {token}),
    })
    const given = Number(new URL(inspector.origin).port)
    this.#open.set(given, inspector)
    return {url: inspector.url, origin: inspector.origin, token: inspector.token, port: given}
  }

  async close(port: number): Promise<void> {
    const inspector = this.#open.get(port)
    this.#open.delete(port)
    await inspector?.close()
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((port) => this.close(port)))
  }
}
