/** Whether somebody sits before this process: it runs in the foreground of a terminal. A service never does. */

import {isatty} from 'node:tty'
import type {ReadText} from './read-text.ts'

const STDIN = 0

export function isInForeground(read: ReadText): boolean {
  const stat = read('/proc/self/stat')
  return stat === undefined ? isatty(STDIN) : ownsTerminal(stat)
}

/**
 * proc(5): … ) state ppid pgrp session tty_nr tpgid. What is in the terminal's foreground group is in front; a job sent to the
 * background is not, and without a terminal tpgid is -1. The name in parentheses may hold anything.
 */
function ownsTerminal(stat: string): boolean {
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return group !== undefined && group === foreground
}
