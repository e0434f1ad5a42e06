/** The user's home, below which the command keeps what is its own. */

import {homedir, userInfo} from 'node:os'
import {isAbsolute} from 'node:path'

/** Absolute. Undefined for a user of whom the system knows nothing, as in many containers, where $HOME says none either. */
export function homeDirectory(): string | undefined {
  // An empty or relative $HOME would mean another place in each working directory.
  for (const ask of [homedir, () => userInfo().homedir]) {
    try {
      const home = ask()
      if (isAbsolute(home)) return home
    } catch {
      // There is no such user.
    }
  }
  return undefined
}
