/** What a person sees and does on the inspector page, in a real browser: one file, so that the stories share one. */

import {describe} from 'vitest'
import {executable, isRequired, setUpBrowser} from './browser.ts'
import {accessibilityStories} from './stories/accessibility.ts'
import {hostileStories} from './stories/hostile.ts'
import {manyOperationsStories} from './stories/many.ts'
import {oneDownloadStories} from './stories/one-download.ts'
import {restartStories} from './stories/restarts.ts'
import {severalStories} from './stories/several.ts'

if (executable === undefined && !isRequired) console.log('browser.test.ts: left out, because Chromium is not installed')

describe.skipIf(executable === undefined && !isRequired)('the inspector page', {timeout: 120_000}, () => {
  setUpBrowser()
  describe('of one download', oneDownloadStories)
  describe('of an inspector that is started again', restartStories)
  describe('of several operations', severalStories)
  describe('of hostile names and headers', hostileStories)
  describe('of 3,000 operations', manyOperationsStories)
  describe('for everybody', accessibilityStories)
})
