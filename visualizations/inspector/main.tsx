/** The inspector page starts here. */

import {render} from 'preact'
import {connect} from './state/connection.ts'
import {listenToKeys} from './state/keyboard.ts'
import {followTheme} from './state/theme.ts'
import {Page} from './view/page.tsx'

const root = document.getElementById('page')
if (root !== null) {
  followTheme()
  listenToKeys()
  render(<Page />, root)
  void connect()
}
