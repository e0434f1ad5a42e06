/** BackgroundTransferCostPolicy: which networks an operation may use. The numbers are the namespace's. */

export const BackgroundTransferCostPolicy = {default: 0, unrestrictedOnly: 1, always: 2} as const

export type BackgroundTransferCostPolicy =
  (typeof BackgroundTransferCostPolicy)[keyof typeof BackgroundTransferCostPolicy]
