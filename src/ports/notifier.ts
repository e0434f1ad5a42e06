/** Notifier: shows a person what is told of a batch of operations. Whether it could is no matter of life and death. */

import type {Notice} from '../domain/notice.ts'

export interface Notifier {
  /**
   * Resolves with whether anybody could see it: false where this machine has no way, which is no error. What rejects is logged,
   * and counts as not seen. Never asked twice about one batch. After 5 s nobody waits for it.
   */
  show(notice: Notice): Promise<boolean>
}
