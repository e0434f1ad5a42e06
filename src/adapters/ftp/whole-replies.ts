/**
 * basic-ftp's client, which hears a reply when its last line is whole. By itself it takes what one read brought for whole lines: of
 * `213 12` and `34` it makes a size of 12, and of a welcome whose last line begins in one packet and ends in the next it waits for the
 * end for ever.
 */

import {Client, FTPContext} from 'basic-ftp'

/** A line ends with its line feed: these say nothing, and some servers send them behind it, where they are no beginning of the next one. */
const SILENT = /[\0\r]/g

/** What basic-ftp takes of one reply: it refuses what is longer. */
const MOST_UNITS = 2 ** 16

export class WholeReplies extends Client {
  override readonly ftp: FTPContext = new LineContext(0)

  constructor() {
    super(0)
  }
}

/** What has come of a line stands behind the lines of its reply, where basic-ftp keeps these, and lets go of them with the socket. */
class LineContext extends FTPContext {
  protected override _onControlSocketData(chunk: string): void {
    const text = this._partialResponse + chunk.replace(SILENT, '')
    const end = text.length > MOST_UNITS ? text.length : text.lastIndexOf('\n') + 1
    this._partialResponse = ''
    if (end > 0) super._onControlSocketData(text.slice(0, end))
    this._partialResponse += text.slice(end)
  }
}
