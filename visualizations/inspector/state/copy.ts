/** To the clipboard, and a word about it. */

import {tell} from './commands.ts'

export async function copy(text: string, done = 'Copied.'): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    tell(done, false)
  } catch {
    tell('The browser did not allow to copy.', true)
  }
}
