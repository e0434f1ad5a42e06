/** The whole page: bar, list, detail, figures; or why there is nothing to see. */

import type {ComponentChildren} from 'preact'
import {notice} from '../state/commands.ts'
import {phase} from '../state/connection.ts'
import {selection} from '../state/selection.ts'
import {announcement} from '../state/store.ts'
import {CancelDialog, CancelMarkedDialog, HelpDialog} from './dialogs.tsx'
import {GroupPage} from './group-page.tsx'
import {Header} from './header.tsx'
import {OperationList} from './operation-list.tsx'
import {OperationPage} from './operation-page.tsx'
import {RequestDialog} from './request-dialog.tsx'
import {SidePanel} from './side-panel.tsx'

export function Page() {
  if (phase.value === 'starting') return <Message title="Opening the inspector…" />
  if (phase.value === 'locked') {
    return (
      <Message title="This page needs its link again">
        The link that opened it holds a key that was used up or belongs to another run. Print a fresh link with{' '}
        <code>bgt inspect</code> and open that.
      </Message>
    )
  }
  if (phase.value === 'unreachable') {
    return <Message title="The engine cannot be reached">The page tries again every two seconds.</Message>
  }
  return (
    <>
      <Header />
      <div class="columns">
        <OperationList />
        <Selected />
      </div>
      <CancelDialog />
      <CancelMarkedDialog />
      <RequestDialog />
      <HelpDialog />
      <Notice />
      <div class="unseen" aria-live="polite">
        {announcement}
      </div>
    </>
  )
}

function Selected() {
  const selected = selection.value
  if (selected === undefined) {
    return (
      <main class="detail empty">
        <h1>No operation selected</h1>
        <p>Operations appear on the left as soon as the engine has some.</p>
      </main>
    )
  }
  if (selected.kind === 'group') return <GroupPage name={selected.name} />
  return (
    <>
      <OperationPage guid={selected.guid} />
      <SidePanel guid={selected.guid} />
    </>
  )
}

function Message({title, children}: {title: string; children?: ComponentChildren}) {
  return (
    <main class="message">
      <img src="./icon.svg" alt="" width="48" height="48" />
      <h1>{title}</h1>
      {children === undefined ? null : <p>{children}</p>}
    </main>
  )
}

function Notice() {
  const {text, bad} = notice.value ?? {text: '', bad: false}
  return (
    <div class="notice" role="status" data-shown={text !== ''} data-bad={bad}>
      {text}
    </div>
  )
}
