/** Another address for a link that expired, and other headers: what the next try asks with. */

import {signal} from '@preact/signals'
import type {HeaderChange, OperationView} from '../../../src/inspector/protocol.ts'
import {headerChanges} from '../model/header-lines.ts'
import {send} from '../state/commands.ts'
import {Dialog} from './dialogs.tsx'

export const asksForRequest = signal<OperationView | undefined>(undefined)

const url = signal('')
const lines = signal('')
const wrong = signal('')

export function mayHaveAnotherAddress({state, direction}: OperationView): boolean {
  return direction === 'download' && (state === 'pausedByApplication' || state === 'pausedRecoverableWebErrorStatus')
}

export function RequestDialog() {
  const view = asksForRequest.value
  const close = () => {
    // What was typed may be secret.
    url.value = ''
    lines.value = ''
    wrong.value = ''
    asksForRequest.value = undefined
  }
  const ask = (of: OperationView) => {
    const changes = headerChanges(lines.value)
    if (typeof changes === 'string') {
      wrong.value = changes
      return
    }
    void change(of, url.value.trim(), changes)
    close()
  }
  return (
    <Dialog id="request-title" title="Change the request" open={view !== undefined} onClose={close}>
      {view === undefined ? null : (
        <form
          class="request-form"
          onSubmit={(event) => {
            event.preventDefault()
            ask(view)
          }}
        >
          <label>
            <span>New address</span>
            <input
              type="url"
              placeholder={mayHaveAnotherAddress(view) ? 'stays as it is' : 'pause it first'}
              disabled={!mayHaveAnotherAddress(view)}
              value={url.value}
              onInput={({currentTarget}) => {
                url.value = currentTarget.value
              }}
            />
          </label>
          <p class="facts">With another address it starts from the first byte, unless it has random access.</p>
          <label>
            <span>Headers, one a line: Name: value. A name without a value takes that header away.</span>
            <textarea
              rows={4}
              spellcheck={false}
              value={lines.value}
              onInput={({currentTarget}) => {
                lines.value = currentTarget.value
                wrong.value = ''
              }}
            />
          </label>
          <p class="error-text" role="alert">
            {wrong}
          </p>
          <div class="answers">
            <button type="button" onClick={close}>
              Leave it
            </button>
            <button type="submit" class="primary">
              Change
            </button>
          </div>
        </form>
      )}
    </Dialog>
  )
}

async function change(view: OperationView, address: string, headers: readonly HeaderChange[]): Promise<void> {
  if (address === '' && headers.length === 0) return
  const request = {
    command: 'request' as const,
    ...(address === '' ? {} : {url: address}),
    ...(headers.length === 0 ? {} : {headers}),
  }
  await send(view, request, `The next try of ${view.name} asks with it.`)
}
