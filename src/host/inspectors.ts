/** Inspectors that clients asked for: pages on loopback, served by the host until they are closed, or it ends. */

import type {Engine} from '../engine/engine.ts'
import type {Inspector} from '../inspector/inspector.ts'
import type {CallAnswer, CallInput} from './protocol.ts'

export class HostInspectors {
  readonly #engine: Engine
  readonly #open = new Map<number, {readonly inspector: Inspector; readonly app: string | undefined}>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async open({port, control, token}: CallInput<'inspect'>, app: string | undefined): Promise<CallAnswer<'inspect'>> {
    const {startInspector} = await import('../inspector/inspector.ts')
    const inspector = await startInspector(this.#engine, {
      ...(port === undefined ? {} : {port}),
      ...(control === undefined ? {} : {control}),
      ...(token === undefined ? {} : {token}),
    })
    const given = Number(new URL(inspector.origin).port)
    this.#open.set(given, {inspector, app})
    return {url: inspector.url, origin: inspector.origin, token: inspector.token, port: given}
  }

  /** What `app` did not open is no business of it; without a name, all are. */
  async close(port: number, app: string | undefined): Promise<void> {
    const open = this.#open.get(port)
    if (open === undefined || (app !== undefined && open.app !== app)) return
    this.#open.delete(port)
    await open.inspector.close()
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((port) => this.close(port, undefined)))
  }
}
