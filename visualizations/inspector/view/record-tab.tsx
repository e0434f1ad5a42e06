/** The persisted record, as a tree and to take away. Secrets were masked before it came here. */

import {printable} from '../../../src/domain/printable.ts'
import {formatBytes} from '../model/format.ts'
import {bundleAddress} from '../state/api.ts'
import {copy} from '../state/copy.ts'
import {detail} from '../state/selection.ts'
import {Icon} from './icons.tsx'

export function RecordTab() {
  const record = detail.value?.record
  if (record === undefined) return null
  const text = JSON.stringify(record)
  return (
    <div class="tab-body">
      <div class="tools">
        <span class="facts">{formatBytes(text.length)} as JSON, secrets masked</span>
        <span class="spring" />
        <a class="button" href={bundleAddress(record.id)} download={`${record.id}.json`}>
          <Icon name="save" />
          Bug report
        </a>
        <button type="button" onClick={() => void copy(JSON.stringify(record, null, 2))}>
          <Icon name="copy" />
          Copy JSON
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must take the focus */}
      <section class="table-box tree" tabIndex={0} aria-label="Record">
        <Members value={record} depth={0} />
      </section>
    </div>
  )
}

/** Longer branches start folded below the first levels. */
const OPEN_DEPTH = 2

function Members({value, depth}: {value: object; depth: number}) {
  return (
    <ul>
      {Object.entries(value).map(([name, member]) => (
        <li key={name}>
          <Member name={name} value={member} depth={depth} />
        </li>
      ))}
    </ul>
  )
}

function Member({name, value, depth}: {name: string; value: unknown; depth: number}) {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) {
    return (
      <>
        <span class="key">{name}</span> <span class={`value ${typeof value}`}>{printable(JSON.stringify(value))}</span>
      </>
    )
  }
  return (
    <details open={depth < OPEN_DEPTH}>
      <summary>
        <span class="key">{name}</span>{' '}
        <span class="facts">
          {Array.isArray(value) ? `${value.length} items` : `${Object.keys(value).length} members`}
        </span>
      </summary>
      <Members value={value} depth={depth + 1} />
    </details>
  )
}
