/** The page's requests to its server. Nothing is ever asked of another host. */

import type {OperationId} from '../../../src/domain/operation-id.ts'
import type {LifeState} from '../../../src/domain/status.ts'
import type {
  CommandRequest,
  InspectorState,
  JournalEntry,
  OperationDetail,
  OperationView,
  Supposed,
} from '../../../src/inspector/protocol.ts'
import type {Chart} from '../../chart.ts'

const API = '/api/v1'

export class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(`${API}${path}`, {credentials: 'same-origin', ...init})
  if (response.ok) return response
  throw new Refusal(response.status, await reasonOf(response))
}

async function reasonOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined)
  const {error} = (body ?? {}) as {error?: {message?: string}}
  return error?.message ?? `the server answered ${response.status}`
}

async function post(path: string, body: unknown): Promise<void> {
  await request(path, {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(body)})
}

export async function readState(): Promise<InspectorState> {
  return (await request('/state')).json()
}

export interface OperationsPage {
  readonly operations: readonly OperationView[]
  /** Where the next page goes on; missing behind the last. */
  readonly next?: OperationId
}

/** Of all of the store, by guid. */
export async function readOperations(
  {text, states, after}: {text: string; states: readonly LifeState[]; after: OperationId | undefined},
  signal: AbortSignal,
): Promise<OperationsPage> {
  const query = new URLSearchParams({text, states: states.join(), ...(after === undefined ? {} : {after})})
  return (await request(`/operations?${query}`, {signal})).json()
}

export async function readDetail(guid: OperationId, signal?: AbortSignal): Promise<OperationDetail> {
  return (await request(`/operations/${guid}`, signal === undefined ? {} : {signal})).json()
}

export async function readChart(machine: string): Promise<Chart> {
  return (await request(`/charts/${encodeURIComponent(machine)}`)).json()
}

export async function readOlder(guid: OperationId, before: number): Promise<readonly JournalEntry[]> {
  const response = await request(`/operations/${guid}/transitions?before=${before}&limit=200`)
  const {transitions}: {transitions: readonly JournalEntry[]} = await response.json()
  return transitions
}

export async function readWhatIf(
  guid: OperationId,
  event: string,
  path: string | undefined,
  signal: AbortSignal,
): Promise<Supposed> {
  const query = new URLSearchParams({event, ...(path === undefined ? {} : {path})})
  return (await request(`/operations/${guid}/what-if?${query}`, {signal})).json()
}

/** Proves that this page knows the token, and says it to nobody: the port may be somebody else's by now. */
export async function openSession(token: string): Promise<void> {
  const {challenge}: {challenge: string} = await (await request('/session')).json()
  await post('/session', {proof: await proofOf(token, `${location.port}:${challenge}`)})
}

async function proofOf(token: string, question: string): Promise<string> {
  const bytes = new TextEncoder()
  const hmac = {name: 'HMAC', hash: 'SHA-256'}
  const key = await crypto.subtle.importKey('raw', bytes.encode(token), hmac, false, ['sign'])
  const proof = new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes.encode(question)))
  return btoa(String.fromCharCode(...proof))
}

export function sendCommand(guid: OperationId, command: CommandRequest): Promise<void> {
  return post(`/operations/${guid}/commands`, command)
}

export function eventsAddress(after: number): string {
  return `${API}/events?after=${after}`
}

export function bundleAddress(guid: OperationId): string {
  return `${API}/operations/${guid}/bundle`
}
