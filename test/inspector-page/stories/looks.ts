/** What the stories look for on the page, and a download that takes long enough to be looked at. */

import type {Locator, Page} from 'playwright-core'
import {expect} from 'vitest'
import type {DownloadOperation} from '../../../src/index.ts'
import type {InspectedWorld} from '../../inspector/world.ts'

const MIB = 1024 * 1024

export async function startSlow(world: InspectedWorld, name: string, group?: string): Promise<DownloadOperation> {
  const content = {seed: 7, size: 64 * MIB}
  world.server.route(`/${name}`, {content, etag: `"${name}"`, pieceBytes: 16 * 1024, pieceDelayMs: 50})
  return world.start(world.server.url(`/${name}`), name, group === undefined ? {} : {group})
}

export const eventually = <T>(read: () => Promise<T>) => expect.poll(read)

/** Resolves when the chosen operation's state reads so. */
export const chip = (page: Page, words: string): Promise<void> =>
  page.locator('.status-chip', {hasText: words}).waitFor()

export const row = (page: Page, name: string): Locator => page.getByRole('option', {name: new RegExp(`^${name}`)})

export const heading = (page: Page, name: string): Promise<void> =>
  page.getByRole('heading', {name, level: 1}).waitFor()

/** The id of what has the focus. */
export const focused = (page: Page): Promise<string> => page.evaluate('document.activeElement.id')
