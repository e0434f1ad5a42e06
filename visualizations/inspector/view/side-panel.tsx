/** The figures of an operation: progress, throughput, tries, policy, and why it is where it is. */

import type {ComponentChildren} from 'preact'
import type {OperationId} from '../../../src/domain/operation-id.ts'
import {printable} from '../../../src/domain/printable.ts'
import type {OperationDetail, OperationView} from '../../../src/inspector/protocol.ts'
import {
  formatBytes,
  formatCountdown,
  formatDuration,
  formatPercent,
  formatRate,
  formatTime,
  percentOf,
  timeLeft,
} from '../model/format.ts'
import {moodOf} from '../model/words.ts'
import {detail, selectedView, shownEntry, step} from '../state/selection.ts'
import {now} from '../state/store.ts'
import {OUTCOMES} from './requests-tab.tsx'
import {Throughput} from './throughput.tsx'

const COSTS = ['Default: not while roaming or near a limit', 'Unmetered networks only', 'Any network'] as const
const PRIORITIES = ['Default', 'High', 'Low'] as const
/** The newest that are listed; the tab Requests has all. */
const TRIES = 6

export function SidePanel({guid}: {guid: OperationId}) {
  const view = selectedView.value
  if (view === undefined) return null
  const known = detail.value
  const past = step.value === undefined ? undefined : shownEntry.value
  return (
    <aside class="side" aria-label="Figures">
      {past === undefined ? <Now view={view} detail={known} /> : <Then />}
      {past === undefined ? <Throughput guid={guid} /> : null}
      {known === undefined ? null : (
        <Tries attempts={known.attempts.filter(({startedAt}) => past === undefined || startedAt <= past.at)} />
      )}
      {known === undefined ? null : <Policy detail={known} />}
      {known?.record.error === undefined ? null : <Failure detail={known} />}
      {known?.record.resultFile === undefined ? null : (
        <Card title="Result">
          <p class="path" title={printable(known.record.resultFile)}>
            <bdi dir="ltr">{printable(known.record.resultFile)}</bdi>
          </p>
        </Card>
      )}
    </aside>
  )
}

function Card({title, note, children}: {title: string; note?: string; children: ComponentChildren}) {
  return (
    <section class="card-box">
      <h2>
        {title}
        {note === undefined ? null : <small>{note}</small>}
      </h2>
      {children}
    </section>
  )
}

function Fact({name, children}: {name: string; children: ComponentChildren}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Now({view, detail: known}: {view: OperationView; detail: OperationDetail | undefined}) {
  const {bytesReceived, totalBytesToReceive, rate, createdAt, endedAt, retryAt, state} = view
  const percent = percentOf(bytesReceived, totalBytesToReceive)
  const left = timeLeft(bytesReceived, totalBytesToReceive, rate)
  const size = totalBytesToReceive > 0 ? ` of ${formatBytes(totalBytesToReceive)}` : ''
  return (
    <>
      {known === undefined ? null : (
        <p class="why" data-mood={moodOf(state)}>
          {sentence(printable(known.explanation.why))}
          {known.explanation.next === undefined ? null : <span> {sentence(printable(known.explanation.next))}</span>}
        </p>
      )}
      <Card title="Progress">
        <p class="figure">
          <b>
            {percent === undefined ? formatBytes(bytesReceived) : formatPercent(bytesReceived, totalBytesToReceive)}
          </b>
          <span>{percent === undefined ? 'size unknown' : `${formatBytes(bytesReceived)}${size}`}</span>
        </p>
        <div
          class="track large"
          data-mood={moodOf(state)}
          role="progressbar"
          aria-label={`Progress of ${view.name}`}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={percent === undefined ? undefined : Math.floor(percent)}
          aria-valuetext={`${formatBytes(bytesReceived)}${size}`}
        >
          <span class="fill" style={{width: `${percent ?? 0}%`}} />
        </div>
        <dl class="facts-list">
          <Fact name="Speed">{rate > 0 ? formatRate(rate) : '–'}</Fact>
          <Fact name="Average">{averageOf(view, known)}</Fact>
          <Fact name="Time left">{left === undefined ? '–' : formatDuration(left)}</Fact>
          {retryAt === undefined ? null : <Fact name="Next try in">{formatCountdown(retryAt - now.value)}</Fact>}
          <Fact name="Added">{formatTime(createdAt)}</Fact>
          <Fact name={endedAt === undefined ? 'Since then' : 'Took'}>
            {formatDuration((endedAt ?? now.value) - createdAt)}
          </Fact>
        </dl>
      </Card>
    </>
  )
}

/** Over the time in which it was tried, waits between tries included. */
function averageOf({bytesReceived, endedAt}: OperationView, known: OperationDetail | undefined): string {
  const from = known?.attempts[0]?.startedAt
  const ms = from === undefined ? 0 : (endedAt ?? now.value) - from
  return ms > 0 && bytesReceived > 0 ? formatRate((bytesReceived * 1000) / ms) : '–'
}

/** The figures as the journal recorded them. */
function Then() {
  const entry = shownEntry.value
  if (entry === undefined) return null
  return (
    <Card title={`At step ${entry.seq}`} note={formatTime(entry.at)}>
      <dl class="facts-list">
        <Fact name="State">{entry.state}</Fact>
        <Fact name="Durable bytes">{formatBytes(entry.bytes)}</Fact>
        <Fact name="Tries">{entry.attempts}</Fact>
        <Fact name="Failures in a row">{entry.failures}</Fact>
        <Fact name="Generation">{entry.generation}</Fact>
        {entry.status === undefined ? null : <Fact name="HTTP status">{entry.status}</Fact>}
      </dl>
      {entry.error === undefined ? null : <p class="error-text">{printable(entry.error)}</p>}
    </Card>
  )
}

function Tries({attempts}: {attempts: OperationDetail['attempts']}) {
  return (
    <Card title="Attempts" note={String(attempts.length)}>
      {attempts.length === 0 ? <p class="nothing">None yet.</p> : null}
      <ol class="tries">
        {attempts.slice(-TRIES).map(({number, status, outcome, error, startedAt, endedAt}) => (
          <li key={startedAt} title={error === undefined ? undefined : printable(error)}>
            <span class="number">{number}</span>
            <span class="outcome" data-outcome={outcome}>
              {status === undefined || outcome === 'running' ? OUTCOMES[outcome] : `${status} · ${OUTCOMES[outcome]}`}
            </span>
            <span class="took">{formatDuration((endedAt ?? now.value) - startedAt)}</span>
          </li>
        ))}
      </ol>
    </Card>
  )
}

function Policy({detail: {record}}: {detail: OperationDetail}) {
  const {policy, target} = record
  return (
    <Card title="Policy">
      <dl class="facts-list">
        <Fact name="Network">{COSTS[policy.costPolicy]}</Fact>
        <Fact name="Priority">{PRIORITIES[policy.priority]}</Fact>
        {policy.maxBytesPerSecond === undefined ? null : (
          <Fact name="Speed limit">{formatRate(policy.maxBytesPerSecond)}</Fact>
        )}
        {policy.checksum === undefined ? null : (
          <Fact name="Checksum">
            {policy.checksum.algorithm} {policy.checksum.hex.slice(0, 12)}…
          </Fact>
        )}
        <Fact name="File">
          <span class="path" title={printable(target.file)}>
            <bdi dir="ltr">{printable(target.file)}</bdi>
          </span>
        </Fact>
      </dl>
    </Card>
  )
}

function Failure({detail: {record}}: {detail: OperationDetail}) {
  const {error} = record
  if (error === undefined) return null
  return (
    <Card title="Error" note={error.code}>
      <p class="error-text">{printable(error.message)}</p>
      <dl class="facts-list">
        {record.response === undefined ? null : <Fact name="HTTP status">{record.response.status}</Fact>}
        {error.cause === undefined ? null : <Fact name="Cause">{printable(error.cause)}</Fact>}
      </dl>
    </Card>
  )
}

/** The engine's sentences have neither capital nor full stop: they also stand inside others. */
function sentence(text: string): string {
  const sized = text.replace(/\b(\d+) bytes\b/g, (_, bytes: string) => formatBytes(Number(bytes)))
  return `${sized.charAt(0).toUpperCase()}${sized.slice(1)}${sized.endsWith('.') ? '' : '.'}`
}
