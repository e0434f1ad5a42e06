/** The bar: how the engine is, how much moves, and the conditions that decide about pauses. */

import {formatRate} from '../model/format.ts'
import {conditionsTitle, networkWords} from '../model/words.ts'
import {link} from '../state/connection.ts'
import {helpOpen} from '../state/keyboard.ts'
import {backToLive, step} from '../state/selection.ts'
import {conditions, engine, totals} from '../state/store.ts'
import {nextTheme, theme} from '../state/theme.ts'
import {Icon} from './icons.tsx'

const ENGINE = {
  opening: 'Engine opening',
  serving: 'Engine running',
  draining: 'Engine closing',
  closed: 'Engine closed',
}
const LINK = {connecting: 'Connecting', live: 'Live', lost: 'Reconnecting'}
const THEME = {system: 'half', light: 'sun', dark: 'moon'} as const

export function Header() {
  const facts = engine.value
  // What was heard last is no news of an engine that is not heard any more.
  const isLost = link.value === 'lost'
  return (
    <header class="bar">
      <span class="brand">
        <img src="./icon.svg" alt="" width="24" height="24" />
        Transfers
      </span>
      {facts === undefined ? null : (
        <span
          class="engine"
          data-engine={isLost ? 'lost' : facts.engine}
          title={`background-transfer ${facts.version}`}
        >
          <i class="dot" />
          {isLost ? 'Engine not heard' : ENGINE[facts.engine]}
        </span>
      )}
      <Counts />
      <span class="spring" />
      <Conditions />
      <LinkChip />
      <button
        type="button"
        class="quiet square"
        onClick={nextTheme}
        aria-label={`Colours: ${theme.value}`}
        title={`Colours: ${theme.value}`}
      >
        <Icon name={THEME[theme.value]} />
      </button>
      <button
        type="button"
        class="quiet square"
        aria-label="Keyboard help"
        title="Keyboard help (?)"
        onClick={() => {
          helpOpen.value = true
        }}
      >
        ?
      </button>
    </header>
  )
}

function Counts() {
  const {rates, moods} = totals.value
  return (
    <span class="counts">
      <span class="total-rate">
        <Icon name="down" />
        <span class="unseen">Downloads: </span>
        {formatRate(rates.download)}
      </span>
      <span class="total-rate">
        <Icon name="up" />
        <span class="unseen">Uploads: </span>
        {formatRate(rates.upload)}
      </span>
      <span data-mood="active">
        <b>{moods.active}</b> active
      </span>
      <span data-mood="waiting">
        <b>{moods.waiting + moods.queued}</b> waiting
      </span>
      <span data-mood={moods.failed > 0 ? 'failed' : 'none'}>
        <b>{moods.failed}</b> failed
      </span>
      <span data-mood="done" class="wide-only">
        <b>{moods.done}</b> completed
      </span>
    </span>
  )
}

function Conditions() {
  const known = conditions.value
  if (known === undefined) return null
  const offline = known.connectivity === 'none' || known.connectivity === 'local'
  const costly = known.cost.type === 'fixed' || known.cost.type === 'variable' || known.cost.roaming
  return (
    <>
      <span class="chip" data-tone={offline ? 'bad' : costly ? 'warn' : 'good'} title={conditionsTitle(known)}>
        <Icon name="network" />
        {networkWords(known)}
      </span>
      {known.batterySaver ? (
        <span class="chip" data-tone="warn" title={known.basis === undefined ? undefined : `By: ${known.basis.power}`}>
          <Icon name="battery" />
          Battery saver
        </span>
      ) : null}
      {engine.value?.readOnly === true ? (
        <span class="chip" title="The inspector was opened without the right to send commands">
          <Icon name="lock" />
          Read-only
        </span>
      ) : null}
    </>
  )
}

function LinkChip() {
  if (step.value !== undefined) {
    return (
      <button type="button" class="chip past" onClick={backToLive}>
        <i class="dot" />
        History · back to live
      </button>
    )
  }
  return (
    <span class="chip live" data-tone={link.value === 'live' ? 'good' : 'warn'} data-link={link.value}>
      <i class="dot" />
      {LINK[link.value]}
    </span>
  )
}
