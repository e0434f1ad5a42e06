/** Facts of the checklist that no test shows, each with the reason why not. Keyed as the tests cite them. */

const NO_CAPABILITIES = 'Node.js has no network capability that a program could lack'

export const REASONS: Readonly<Record<string, string>> = {
  '39': NO_CAPABILITIES,
  '201': NO_CAPABILITIES,
  'story 35':
    'there is no lease to lose: the process that holds the lock of the store is the only one that writes, for as long as it lives',
}

/** What is being built, or is built and not cited yet: to become empty, and nothing may be added. */
export const PENDING: readonly string[] = []
