/** Facts of the checklist that no test shows, each with the reason why not. Keyed as the tests cite them. */

export const REASONS: Readonly<Record<string, string>> = {}
