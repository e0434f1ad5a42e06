/** BackgroundTransferBehavior: whether a group's members run at once or one after another. */

export const BackgroundTransferBehavior = {parallel: 0, serialized: 1} as const

export type BackgroundTransferBehavior = (typeof BackgroundTransferBehavior)[keyof typeof BackgroundTransferBehavior]
