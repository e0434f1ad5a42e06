/** How much of a part has to be read again before it is continued. */

import type {PartStamp} from './side-format.ts'

/** Time stamps are as coarse as the kernel's tick, so a change this soon after another may carry the same one. */
const STAMP_UNCERTAINTY_MS = 20

/**
 * `last`: only the last block. A part that still has the size and time stamp that its last checkpoint saw, in the same run
 * of the machine, has not been written to since, and no power cut can have taken bytes out of the page cache.
 *
 * `every`: all blocks. Another boot (or an unknown one) may have lost what was not synced; another stamp means a write after
 * the checkpoint, ours or a stranger's; a stamp not clearly older than the checkpoint proves nothing, and neither does one
 * of whole seconds, because the file system may not keep finer ones.
 */
export function blocksToVerify(recorded: PartStamp, present: PartStamp, checkpointWrittenMs: number): 'every' | 'last' {
  const unchanged = recorded.size === present.size && recorded.modifiedMs === present.modifiedMs
  const settled = checkpointWrittenMs - present.modifiedMs > STAMP_UNCERTAINTY_MS && present.modifiedMs % 1000 !== 0
  return isSameRun(recorded, present) && unchanged && settled ? 'last' : 'every'
}

/** The machine ran on since the checkpoint: what was written is in the page cache, if not on the disk. */
export function isSameRun(recorded: PartStamp, present: PartStamp): boolean {
  return recorded.boot !== undefined && recorded.boot === present.boot
}
