/** BackgroundTransferPriority and the order of classes that it means. The numbers are the namespace's. */

export const BackgroundTransferPriority = {default: 0, high: 1, low: 2} as const

export type BackgroundTransferPriority = (typeof BackgroundTransferPriority)[keyof typeof BackgroundTransferPriority]

/** The place of a priority's class in the waiting line: 0 goes first. Part of the store's keys: never renumber. */
export type PriorityClass = 0 | 1 | 2

export const PRIORITY_CLASSES: readonly PriorityClass[] = [0, 1, 2]

const CLASS_OF: Readonly<Record<BackgroundTransferPriority, PriorityClass>> = {1: 0, 0: 1, 2: 2}

/** High before Default before Low (spec 11.3). */
export function priorityClass(priority: BackgroundTransferPriority): PriorityClass {
  return CLASS_OF[priority]
}
