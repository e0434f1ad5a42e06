/** The identity of an operation: the namespace's Guid, lower case, 8-4-4-4-12, no braces (O26). */

export type OperationId = string & {readonly __brand: 'OperationId'}

const SHAPE = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function isOperationId(text: string): text is OperationId {
  return SHAPE.test(text)
}
