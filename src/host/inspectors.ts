/** Inspectors that clients asked for: pages on loopback, served by the host until they are closed, or their session or the host ends. */

import type {Engine} from '../engine/engine.ts'
import type {Inspector} from '../inspector/inspector.ts'
import type {CallAnswer, CallInput} from './protocol.ts'

/** The session that asked for it. */
interface Owner {
  /** What it held is let go of. */
  isGone(): boolean
}

export class HostInspectors {
  readonly #engine: Engine
  readonly #open = new Map<number, {readonly inspector: Inspector; readonly owner: Owner}>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  async open({port, control, token}: CallInput<'inspect'>, owner: Owner): Promise<CallAnswer<'inspect'>> {
    const {startInspector} = await import('../inspector/inspector.ts')
    const inspector = await startInspector(this.#engine, {
      ...(port === undefined ? {} : {port}),
      ...(control === undefined ? {} : {control}),
      ...(token === undefined ? {} : {token}),
    })
    const given = Number(new URL(inspector.origin).port)
    this.#open.set(given, {inspector, owner})
    // Nobody would ever close it.
    if (owner.isGone()) await this.close(given, owner)
    return {url: inspector.url, origin: inspector.origin, token: inspector.token, port: given}
  }

  /** What a session did not open is no business of it: a port may be another one's by then. */
  async close(port: number, owner: Owner): Promise<void> {
    const open = this.#open.get(port)
    if (open?.owner !== owner) return
    this.#open.delete(port)
    await open.inspector.close()
  }

  /** Those of one session. */
  async closeAll(owner: Owner): Promise<void> {
    const those = [...this.#open].filter(([, open]) => open.owner === owner)
    await Promise.all(those.map(([port]) => this.close(port, owner)))
  }
}
