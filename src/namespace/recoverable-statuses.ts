/** The errors on which a download pauses instead of failing (spec 2.10): a plain array that tells when it was changed. */

import {invalidArgument} from '../domain/errors.ts'
import {shown} from '../domain/given.ts'
import {isWebErrorStatus, type WebErrorStatus} from '../domain/web-error-status.ts'

/**
 * Tells at once, as a setter would: what is changed right before the engine closes is kept. `splice` and its like tell of each
 * step, which harms nobody, since no error can come between them. Whatever is no WebErrorStatus is refused with
 * INVALID_ARGUMENT.
 */
export function createRecoverableStatuses(
  present: readonly WebErrorStatus[],
  onChange: (statuses: readonly WebErrorStatus[]) => void,
): WebErrorStatus[] {
  let told = present
  const changed = (statuses: readonly WebErrorStatus[]) => {
    // Without the holes that a deletion leaves for a moment.
    const dense = statuses.filter(() => true)
    if (dense.length === told.length && dense.every((status, index) => status === told[index])) return
    told = dense
    onChange(dense)
  }
  return new Proxy([...present], {
    // Every write comes through here, `push` and its like included.
    defineProperty(target, key, descriptor) {
      const isElement = typeof key === 'string' && /^\d+$/.test(key)
      if (isElement && !isWebErrorStatus(descriptor.value)) {
        throw invalidArgument(
          'recoverableWebErrorStatuses',
          `holds WebErrorStatus values, not ${shown(descriptor.value)}`,
        )
      }
      const isDone = Reflect.defineProperty(target, key, descriptor)
      changed(target)
      return isDone
    },
    deleteProperty(target, key) {
      const isDone = Reflect.deleteProperty(target, key)
      changed(target)
      return isDone
    },
  })
}
