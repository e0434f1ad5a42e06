/**
 * The system's Chromium, driven by playwright-core: nothing is downloaded, and it is told to leave the network alone. Each
 * launch has a profile of its own.
 */

import {accessSync, constants} from 'node:fs'
import {type Browser, chromium} from 'playwright-core'

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

const QUIET = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Where Chromium is, if it is. */
export function findChromium(): string | undefined {
  return CANDIDATES.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({executablePath, args: QUIET})
}
