/** The two questions and answers that take the page over: the yes to a loss, and the keys. */

import type {ComponentChildren} from 'preact'
import {useEffect, useRef} from 'preact/hooks'
import {formatBytes} from '../model/format.ts'
import {asksToCancel, send} from '../state/commands.ts'
import {helpOpen, KEYS} from '../state/keyboard.ts'
import {able, asksToCancelMarked, clearMarks, marked, sendAll} from '../state/marks.ts'

export function Dialog({
  id,
  title,
  open,
  onClose,
  children,
}: {
  id: string
  title: string
  open: boolean
  onClose: () => void
  children: ComponentChildren
}) {
  const box = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (open && box.current?.open === false) box.current.showModal()
    if (!open) box.current?.close()
  }, [open])
  return (
    <dialog ref={box} aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      {open ? children : null}
    </dialog>
  )
}

export function CancelDialog() {
  const view = asksToCancel.value
  const close = () => {
    asksToCancel.value = undefined
  }
  return (
    <Dialog id="cancel-title" title="Cancel this operation?" open={view !== undefined} onClose={close}>
      <p>
        <b>{view?.name}</b>: the {formatBytes(view?.bytesReceived ?? 0)} that are already here will be removed.
      </p>
      <div class="answers">
        <button type="button" onClick={close}>
          Keep it
        </button>
        <button
          type="button"
          class="danger"
          onClick={() => {
            if (view !== undefined) void send(view, {command: 'cancel'})
            close()
          }}
        >
          Cancel the operation
        </button>
      </div>
    </Dialog>
  )
}

export function CancelMarkedDialog() {
  const open = asksToCancelMarked.value
  const those = open ? able(marked.value, 'cancel') : []
  const bytes = those.reduce((sum, {bytesReceived}) => sum + bytesReceived, 0)
  const close = () => {
    asksToCancelMarked.value = false
  }
  return (
    <Dialog id="cancel-marked-title" title={`Cancel ${those.length} operations?`} open={open} onClose={close}>
      <p>The {formatBytes(bytes)} that are already here will be removed.</p>
      <div class="answers">
        <button type="button" onClick={close}>
          Keep them
        </button>
        <button
          type="button"
          class="danger"
          onClick={() => {
            void sendAll(those, 'cancel')
            close()
            clearMarks()
          }}
        >
          Cancel them
        </button>
      </div>
    </Dialog>
  )
}

export function HelpDialog() {
  const close = () => {
    helpOpen.value = false
  }
  return (
    <Dialog id="help-title" title="Keyboard" open={helpOpen.value} onClose={close}>
      <dl class="keys">
        {KEYS.map(([key, act]) => (
          <div key={key}>
            <dt>
              {key.split('  ').map((one) => (
                <kbd key={one}>{one}</kbd>
              ))}
            </dt>
            <dd>{act}</dd>
          </div>
        ))}
      </dl>
      <div class="answers">
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
