/** One row per HTTP try, and the head of the newest answer. */

import {Fragment} from 'preact'
import {printable} from '../../../src/domain/printable.ts'
import type {OperationRecord} from '../../../src/domain/record.ts'
import type {AttemptView, ConnectionView} from '../../../src/inspector/protocol.ts'
import {curlOf} from '../model/curl.ts'
import {formatBytes, formatDuration, formatRate, formatTimeWithMs} from '../model/format.ts'
import {wordsForConnection} from '../model/words.ts'
import {copy} from '../state/copy.ts'
import {detail} from '../state/selection.ts'
import {now} from '../state/store.ts'
import {Icon} from './icons.tsx'

export const OUTCOMES: Readonly<Record<AttemptView['outcome'], string>> = {
  running: 'running',
  finished: 'finished',
  failed: 'failed',
  yielded: 'gave way',
}

export function RequestsTab() {
  const known = detail.value
  if (known === undefined) return null
  const {attempts, connections, responseHeaders, record} = known
  return (
    <div class="tab-body">
      <div class="tools">
        <span class="facts">{validatorWords(record)}</span>
        <span class="spring" />
        <button
          type="button"
          title="Secrets are masked: put them in by hand"
          onClick={() => void copy(curlOf(record), 'Copied; what is secret stands as ***.')}
        >
          <Icon name="copy" />
          Copy as curl
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must take the focus */}
      <section class="table-box" tabIndex={0} aria-label="HTTP tries, newest first">
        {attempts.length === 0 ? <p class="nothing">No request was sent yet.</p> : null}
        {attempts.length === 0 ? null : (
          <table>
            <thead>
              <tr>
                <th scope="col" class="number">
                  #
                </th>
                <th scope="col">Started</th>
                <th scope="col">Request</th>
                <th scope="col">Status</th>
                <th scope="col" class="number">
                  Took
                </th>
                <th scope="col" class="number">
                  Received
                </th>
                <th scope="col">Outcome</th>
              </tr>
            </thead>
            <tbody>
              {attempts.toReversed().map((attempt) => (
                <Fragment key={attempt.startedAt}>
                  <Try attempt={attempt} method={record.request.method} />
                  {attempt.outcome === 'running'
                    ? connections.map((connection) => <Part key={connection.connection} connection={connection} />)
                    : null}
                </Fragment>
              ))}
            </tbody>
          </table>
        )}
        {responseHeaders.length === 0 ? null : (
          <>
            <h2>Newest answer</h2>
            <dl class="headers">
              {responseHeaders.map(([name, value]) => (
                <div key={`${name}:${value}`}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
            </dl>
          </>
        )}
      </section>
    </div>
  )
}

/** What the bytes so far are held together by, and who really answered. */
function validatorWords({evidence: {validator, url}, request}: OperationRecord): string {
  const held = validator === undefined ? 'No validator yet' : `Validator: ${validator.value}`
  return url === undefined || url === request.url ? held : `${held} · answered by ${url}`
}

function Try({attempt, method}: {attempt: AttemptView; method: string}) {
  const {number, startedAt, endedAt, status, redirects, from, to, outcome, error} = attempt
  return (
    <tr>
      <td class="number">{number}</td>
      <td>{formatTimeWithMs(startedAt)}</td>
      <td>
        <code>{from === 0 ? method : `${method} from ${formatBytes(from)}`}</code>
        {redirects === undefined ? null : <Chain redirects={redirects} />}
      </td>
      <td>{status ?? '–'}</td>
      <td class="number">{formatDuration((endedAt ?? now.value) - startedAt)}</td>
      <td class="number">{to === undefined ? '' : formatBytes(Math.max(0, to - from))}</td>
      <td>
        <span class="outcome" data-outcome={outcome}>
          {OUTCOMES[outcome]}
        </span>
        {error === undefined ? null : <span class="error-text"> {printable(error)}</span>}
      </td>
    </tr>
  )
}

/** Each address that redirected, with its status, and the one that they led to. */
function Chain({redirects}: {redirects: NonNullable<AttemptView['redirects']>}) {
  return (
    <ol class="chain" aria-label="Redirects">
      {redirects.map(({status, url}, index) => (
        <li key={index}>
          <b>{status}</b> {url}
        </li>
      ))}
      <li>→ {redirects.at(-1)?.to}</li>
    </ol>
  )
}

/** One connection of the try under way, and the stretch of the file that it brings. */
function Part({connection: {connection, url, path, start, end, received, rate}}: {connection: ConnectionView}) {
  const isKnown = start !== undefined && end !== undefined
  return (
    <tr class="part">
      <td />
      <td>{connection === 'first' ? 'its own' : connection.replace('-', ' ')}</td>
      <td>
        {isKnown ? <code>{`${formatBytes(start)} to ${formatBytes(end)}`}</code> : 'nothing to bring'}
        {url === undefined ? null : <div class="facts">{url}</div>}
      </td>
      <td />
      <td class="number">{rate === undefined ? '' : formatRate(rate)}</td>
      <td class="number">{isKnown ? `${formatBytes(received ?? 0)} of ${formatBytes(end - start)}` : ''}</td>
      <td>{wordsForConnection(path)}</td>
    </tr>
  )
}
