/** What of a long store is neither listed nor counted, and the search in it. */

import {isSearchable, search, searchOn} from '../state/search.ts'
import {engine} from '../state/store.ts'

export function LeftOut() {
  const {newestEnded, firstUnfinished} = engine.value ?? {}
  if (newestEnded === undefined && firstUnfinished === undefined) return null
  return (
    <section class="left-out" aria-label="Not listed">
      <p>{limitsOf(newestEnded, firstUnfinished)} are listed and counted.</p>
      {isSearchable.value ? <Search /> : <p>Filter, or show what failed, to search the others.</p>}
    </section>
  )
}

function limitsOf(newestEnded: number | undefined, firstUnfinished: number | undefined): string {
  const unfinished = `of the unfinished operations only the first ${firstUnfinished}`
  const ended = `of those that have ended only the newest ${newestEnded}`
  const limits = [...(firstUnfinished === undefined ? [] : [unfinished]), ...(newestEnded === undefined ? [] : [ended])]
  const words = limits.join(', and ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function Search() {
  const {phase, found, why} = search.value
  const words = {
    idle: '',
    searching: 'Searching…',
    more: `${found} more found so far.`,
    done: found === 0 ? 'Nothing more was found.' : `${found} more found; these are all.`,
    failed: `The search failed: ${why}`,
  }[phase]
  const button = {
    idle: 'Search the others',
    searching: 'Search on',
    more: 'Search on',
    done: 'Search again',
    failed: 'Search on',
  }
  return (
    <p>
      {/* It stays, and is not disabled: whoever pressed it with the keyboard would lose the focus. */}
      <button type="button" aria-disabled={phase === 'searching'} onClick={() => void searchOn()}>
        {button[phase]}
      </button>
      <span role="status">{words}</span>
    </p>
  )
}
