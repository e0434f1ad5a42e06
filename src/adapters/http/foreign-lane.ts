/**
 * A dispatcher that an application injected opens its own connections, out of our reach: they cannot be held back without pausing
 * undici's parser, which can end in an uncaught assertion, and a reset at the end of an answer without length passes for its end, as
 * does whatever else ends a connection over TLS.
 */

import type {Dispatcher} from 'undici'
import {TransferError} from '../../domain/errors.ts'
import type {Lane, LaneListener, LaneRequest} from './lane.ts'
import {asHandler, dispatchOptions} from './parser-client.ts'

export class ForeignLane implements Lane {
  readonly holdable = false
  readonly used = false
  readonly heard = false
  readonly isCut = undefined
  readonly bodySent = undefined
  readonly tellsAtOnce = false
  readonly #dispatcher: Dispatcher
  #controller: Dispatcher.DispatchController | undefined
  #gone = false

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher
  }

  dispatch(request: LaneRequest, listener: LaneListener): void {
    this.#dispatcher.dispatch(dispatchOptions(request), {
      ...asHandler(listener),
      onRequestStart: (controller) => {
        this.#controller = controller
        if (this.#gone) this.destroy()
        else listener.started()
      },
    })
  }

  pause(): void {}

  resume(): void {}

  release(): void {}

  destroy(): void {
    this.#gone = true
    this.#controller?.abort(new TransferError('CANCELED', 'the connection was closed'))
  }
}
