/**
 * What the application, the network and the machine may do to an engine, as commands; and what must hold whatever they do
 * (spec 13.3). The model keeps only what the application may rely on: what it was told, and what it asked for.
 */

import fc from 'fast-check'
import {expect} from 'vitest'
import {partPaths} from '../../src/adapters/file/file-names.ts'
import {TransferError} from '../../src/domain/errors.ts'
import type {HeaderField} from '../../src/domain/header-fields.ts'
import type {OperationId} from '../../src/domain/operation-id.ts'
import type {BackgroundTransferPriority} from '../../src/domain/priority.ts'
import type {OperationRecord} from '../../src/domain/record.ts'
import {BackgroundTransferStatus, isTerminal, LIFE_STATES, type LifeState, statusOf} from '../../src/domain/status.ts'
import type {EngineEvent} from '../../src/engine/events.ts'
import type {OperationEntry} from '../../src/engine/operations/operation-entry.ts'
import {contentOf, sha256} from '../support/content.ts'
import {MemoryTables} from '../support/memory-tables.ts'
import type {PortFault} from '../support/port-faults.ts'
import type {NetworkFault} from '../support/simulated-network.ts'
import type {SimulatedExchange} from '../support/simulated-transport.ts'
import {SimulatedWorld, urlOf} from '../support/simulated-world.ts'

/** Files that operations may be started for; more operations than files, so that they meet. */
const FILES = 12
const CAPACITY = 3
const MOST_CONNECTIONS = 4
/** From here on the file has the operation's bytes, or may have. */
const PUBLISHED: readonly unknown[] = ['publishing', 'completed']
const GROUPS = ['', 'parallel', 'serialized', 'changing'] as const

export type Command =
  | {
      readonly kind: 'start'
      readonly file: number
      readonly group: number
      readonly priority: number
      readonly checked: boolean
      /** Any byte may be wanted next. */
      readonly random?: boolean
      /** Connections at once, at most. */
      readonly connections?: number
    }
  | {readonly kind: 'want'; readonly nth: number; readonly position: number}
  | {readonly kind: 'pause' | 'resume' | 'cancel'; readonly nth: number}
  | {readonly kind: 'makeCurrent'; readonly nth: number}
  | {readonly kind: 'changePriority'; readonly nth: number; readonly priority: number}
  | {readonly kind: 'changeCostPolicy'; readonly nth: number; readonly costPolicy: number}
  | {readonly kind: 'group'; readonly group: number; readonly command: 'pause' | 'resume' | 'cancel'}
  | {readonly kind: 'setBehavior'; readonly serialized: boolean}
  | {readonly kind: 'network'; readonly up: boolean}
  | {readonly kind: 'cost'; readonly metered: boolean}
  | {readonly kind: 'power'; readonly saving: boolean}
  | {readonly kind: 'fault'; readonly nth: number; readonly fault: NetworkFault}
  | {readonly kind: 'newVersion'; readonly nth: number; readonly size: number}
  | {readonly kind: 'failDisk'; readonly call: string; readonly code: string}
  | {readonly kind: 'failStore'; readonly batches: number}
  /** Of any single call. */
  | {readonly kind: 'failPort'; readonly fault: PortFault}
  | {readonly kind: 'advance'; readonly ms: number}
  | {readonly kind: 'crash'; readonly how: 'kill' | 'power'}
  | {readonly kind: 'reopen'}
  | {readonly kind: 'resumeAll'}
  /** Somebody sets the clock, or the machine slept. */
  | {readonly kind: 'setClock'; readonly ms: number}

const file = fc.nat({max: FILES - 1})
const nth = fc.nat({max: 9})
const size = fc.constantFrom(0, 1, 5_000, 20_000, 60_000, 150_000)
const after = fc.constantFrom(0, 1, 4_096, 15_000, 40_000, 100_000)

const fault: fc.Arbitrary<NetworkFault> = fc.oneof(
  fc.constantFrom<NetworkFault>(
    {kind: 'refused'},
    {kind: 'neverConnects'},
    {kind: 'neverAnswers'},
    {kind: 'rangeIgnored'},
    {kind: 'rangeMoved', by: -1},
    {kind: 'rangeMoved', by: 1},
    {kind: 'status', status: 503, retryAfterS: 5},
    {kind: 'status', status: 500},
    {kind: 'status', status: 404},
  ),
  fc.record({kind: fc.constantFrom('stalled', 'reset', 'truncated'), after}) as fc.Arbitrary<NetworkFault>,
)

export const start: fc.Arbitrary<Command> = fc.record({
  kind: fc.constant('start' as const),
  file,
  group: fc.constantFrom(0, 1, 2, 2, 2, 3),
  priority: fc.constantFrom(0, 0, 0, 1, 2),
  checked: fc.boolean(),
  random: fc.constantFrom(false, false, true),
  connections: fc.constantFrom(1, 1, 2, MOST_CONNECTIONS),
})

export const command: fc.Arbitrary<Command> = fc.oneof(
  {weight: 5, arbitrary: start},
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      ms: fc.constantFrom(1, 10, 50, 300, 300, 1_100, 1_100, 5_000, 200_000),
    }),
  },
  {weight: 9, arbitrary: fc.record({kind: fc.constant('fault' as const), nth, fault})},
  {weight: 8, arbitrary: fc.record({kind: fc.constantFrom('pause', 'pause', 'resume', 'resume', 'cancel'), nth})},
  {weight: 4, arbitrary: fc.record({kind: fc.constant('makeCurrent' as const), nth})},
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('want' as const),
      nth,
      position: fc.constantFrom(0, 1, 15_000, 40_000, 90_000, 180_000, 1_000_000),
    }),
  },
  {weight: 2, arbitrary: fc.record({kind: fc.constant('changePriority' as const), nth, priority: fc.nat({max: 2})})},
  {
    weight: 1,
    arbitrary: fc.record({kind: fc.constant('changeCostPolicy' as const), nth, costPolicy: fc.nat({max: 2})}),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('group' as const),
      group: fc.constantFrom(1, 2, 2, 3),
      command: fc.constantFrom('pause', 'resume', 'resume', 'cancel'),
    }),
  },
  {weight: 1, arbitrary: fc.record({kind: fc.constant('setBehavior' as const), serialized: fc.boolean()})},
  {weight: 2, arbitrary: fc.record({kind: fc.constant('network' as const), up: fc.constantFrom(true, true, false)})},
  {weight: 1, arbitrary: fc.record({kind: fc.constant('cost' as const), metered: fc.boolean()})},
  {weight: 1, arbitrary: fc.record({kind: fc.constant('power' as const), saving: fc.boolean()})},
  {weight: 2, arbitrary: fc.record({kind: fc.constant('newVersion' as const), nth, size})},
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('failDisk' as const),
      call: fc.constantFrom('write', 'fdatasync', 'fsync', 'open', 'link', 'rename'),
      code: fc.constantFrom('ENOSPC', 'EIO'),
    }),
  },
  {weight: 1, arbitrary: fc.record({kind: fc.constant('failStore' as const), batches: fc.integer({min: 1, max: 3})})},
  {weight: 2, arbitrary: fc.record({kind: fc.constant('crash' as const), how: fc.constantFrom('kill', 'power')})},
  {weight: 1, arbitrary: fc.constant({kind: 'reopen' as const})},
  {weight: 1, arbitrary: fc.constant({kind: 'resumeAll' as const})},
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('setClock' as const),
      ms: fc.constantFrom(-86_400_000, -3_600_000, -10_000, 10_000, 3_600_000),
    }),
  },
)

const REST: ReadonlySet<LifeState> = new Set([
  'queued',
  'waitingToRetry',
  'pausedByApplication',
  'pausedForStorage',
  'pausedRecoverableWebErrorStatus',
])

/** Where the spec's table 13.4 has these calls succeed. */
const ACCEPTED_IN: Readonly<Record<'pause' | 'resume' | 'cancel', ReadonlySet<LifeState>>> = {
  pause: new Set(['queued', 'running', 'returning', 'waitingToRetry']),
  resume: new Set(['pausedByApplication', 'pausedForStorage', 'pausedRecoverableWebErrorStatus']),
  cancel: new Set(LIFE_STATES),
}

const isYieldingToPause = ({snapshot}: OperationEntry) =>
  snapshot?.matches({running: {exchanging: 'yieldingToPause'}}) === true

/** Refusals that an application has to expect. */
const REFUSALS: readonly string[] = ['DESTINATION_BUSY', 'DISK_FAILED', 'DISK_FULL', 'CLOSED']

const WISHES = {pause: 'pause', resume: 'run', cancel: 'cancel'} as const

/** Some operations at first, then anything. */
export const history: fc.Arbitrary<readonly Command[]> = fc
  .tuple(fc.array(start, {maxLength: 8, size: 'max'}), fc.array(command, {maxLength: 40, size: 'max'}))
  .map(([starts, rest]) => [...starts, ...rest])

/** One operation as the application knows it. */
interface Known {
  readonly id: OperationId
  readonly file: number
  readonly group: (typeof GROUPS)[number]
  readonly checked: boolean
  everHigh: boolean
  accepted: boolean
  /** What the application asked last. */
  wish: 'run' | 'pause' | 'cancel'
  /** It was asked to pause, and not told since that it goes on: a crash may bring the pause back. */
  mayPause: boolean
  /** It was paused, it is certain, and nobody asked it to go on since. */
  isHeld: boolean
  /** The terminal state that was told. */
  ended: LifeState | undefined
  /** Counters of the last progress that was told in this process. */
  received: number
  entry: OperationEntry | undefined
}

/** What happened over all runs: a simulation that never retries proves nothing about retries. */
export class Tally {
  readonly #counts = new Map<string, number>()

  count(what: string, times = 1): void {
    this.#counts.set(what, this.of(what) + times)
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0
  }

  toString(): string {
    return [...this.#counts]
      .sort()
      .map(([what, count]) => `${what}: ${count}`)
      .join('\n')
  }
}

export class EngineModel {
  readonly world: SimulatedWorld
  readonly #tally: Tally
  readonly #known: Known[] = []
  readonly #byId = new Map<OperationId, Known>()
  /** Every version that the network ever had of a file. */
  readonly #versions: {readonly seed: number; readonly size: number}[][] = []
  readonly #durable = new MemoryTables()
  #durableRead = 0
  #lastSeed = 0
  /** Commands for whole groups that have not resolved. */
  readonly #underWay = new Set<{readonly group: string; readonly command: 'pause' | 'resume' | 'cancel'}>()
  readonly #looksAtBytes: boolean
  /** In one of four worlds nobody says how long every other file is; in another one its server says its digest, which may be wrong. */
  readonly #says: 'length' | 'nothing' | 'digest'
  /** So many requests went out before all was well; the clock does not tell, for it is set. */
  #askedInNeed = Number.POSITIVE_INFINITY

  /** A whole history, until all is well and has come to an end. */
  static async live(seed: number, commands: readonly Command[], tally: Tally): Promise<void> {
    const model = new EngineModel(seed, tally)
    await model.open()
    for (const each of commands) await model.apply(each)
    await model.heal()
    await model.finish()
  }

  /** `scheduler`: draws the order in which the ports answer, and has the bytes of every checkpoint looked at. */
  constructor(seed: number, tally: Tally, scheduler?: fc.Scheduler) {
    this.#tally = tally
    this.#says = (['length', 'nothing', 'digest'] as const)[seed % 4] ?? 'length'
    this.world = new SimulatedWorld({
      seed,
      // With a scheduler hardly any answer comes at once.
      mostDelayMs: scheduler === undefined ? 7 : 1000,
      ...(scheduler === undefined ? {} : {scheduler}),
      // In half of the worlds every group without a running member sleeps.
      ...(seed % 2 === 0 ? {mostAwakeGroups: 0} : {}),
      // In two of three worlds a batch carries whatever is plain; in one of these it writes most of it while it comes.
      ...(seed % 3 === 0 ? {} : {smallFilesAfter: 0}),
      ...(seed % 3 === 2 ? {mostHeldBytes: 10_000} : {}),
      engine: {
        maxConcurrentTransfers: CAPACITY,
        stallTimeoutMs: 20_000,
        responseTimeoutMs: 20_000,
        connectTimeoutMs: 30_000,
        checkpointIntervalMs: 300,
        minSliceBytes: 4096,
      },
    })
    this.#looksAtBytes = scheduler !== undefined
    this.world.network.onBegin = (exchange) => this.#began(exchange)
    this.world.onEvent = (event) => this.#told(event)
    this.world.onStep = () => this.#step()
    for (let n = 0; n < FILES; n++) this.#addVersion(n, 30_000 + 17_000 * n)
  }

  async open(): Promise<void> {
    await this.world.open()
    await this.world.until(this.world.engine.setBehavior('serialized', 1))
  }

  async apply(command: Command): Promise<void> {
    const {world} = this
    const {engine} = world
    switch (command.kind) {
      case 'start':
        this.#start(command)
        break
      case 'pause':
      case 'resume':
      case 'cancel': {
        const {kind} = command
        this.#command(
          command.nth,
          (known, entry) => {
            engine[kind](entry)
            known.wish = WISHES[kind]
            known.isHeld = kind === 'pause' && !this.#maySetOff(known)
            if (kind === 'pause') known.mayPause = true
            this.#tally.count(`${kind} in ${entry.record.state}`)
          },
          (known, entry) => {
            // A pause that is under way already is refused as one that is reached, whatever its group was asked since.
            const isPausing = kind === 'pause' && isYieldingToPause(entry)
            if (!isPausing && known.wish !== WISHES[kind] && ACCEPTED_IN[kind].has(entry.state)) {
              this.#fail(
                `${kind} was refused in ${entry.state} ${JSON.stringify(entry.snapshot?.value)}`,
                entry.record.id,
              )
            }
          },
        )
        break
      }
      case 'setClock':
        world.clock.set(command.ms)
        this.#tally.count('set the clock')
        break
      case 'makeCurrent':
        this.#command(command.nth, (_, entry) => this.#tolerate(engine.makeCurrent(entry)))
        break
      case 'want':
        this.#command(command.nth, (_, entry) => engine.want(entry, command.position))
        break
      case 'changePriority':
        this.#command(command.nth, (known, entry) => {
          const priority = command.priority as BackgroundTransferPriority
          if (entry.isOver) return
          engine.changePolicy(entry, {...entry.record.policy, priority})
          known.everHigh = true
        })
        break
      case 'changeCostPolicy':
        this.#command(command.nth, (_, entry) => {
          if (entry.isOver) return
          engine.changePolicy(entry, {...entry.record.policy, costPolicy: command.costPolicy as 0 | 1 | 2})
        })
        break
      case 'group':
        this.#commandGroup(GROUPS[command.group] ?? '', command.command)
        break
      case 'setBehavior':
        this.#tolerate(engine.setBehavior('changing', command.serialized ? 1 : 0))
        break
      case 'network':
        world.setConditions({connectivity: command.up ? 'internet' : 'none'})
        break
      case 'cost':
        world.setConditions({
          cost: {
            type: command.metered ? 'fixed' : 'unrestricted',
            roaming: false,
            approachingDataLimit: command.metered,
            overDataLimit: false,
          },
        })
        break
      case 'power':
        world.setConditions({batterySaver: command.saving, foreground: !command.saving})
        break
      case 'fault':
        world.network.addFault(urlOf(this.#fileOf(command.nth)), command.fault)
        break
      case 'newVersion':
        this.#addVersion(this.#fileOf(command.nth), command.size)
        break
      case 'failDisk':
        world.failDisk([command.call], command.code)
        break
      case 'failStore':
        world.process.store.failNextCommits(storeFault(), command.batches)
        break
      case 'failPort':
        world.faults.arm(command.fault)
        break
      case 'advance':
        await world.advance(command.ms)
        break
      case 'crash':
        world.crash(command.how)
        await this.#reopen()
        this.#tally.count(`crash by ${command.how}`)
        break
      case 'reopen':
        await this.#close()
        await this.#reopen()
        this.#tally.count('reopened')
        break
      case 'resumeAll':
        this.#tolerate(engine.resumeAll())
        break
    }
    await world.settle()
  }

  /** The world turns good: whatever the application did not pause has to come to its end. */
  async heal(): Promise<void> {
    const {world} = this
    world.network.clearFaults()
    world.healDisk()
    world.faults.clear()
    world.process.store.failNextCommits(storeFault(), 0)
    world.setConditions({
      connectivity: 'internet',
      batterySaver: false,
      foreground: true,
      cost: {type: 'unrestricted', roaming: false, approachingDataLimit: false, overDataLimit: false},
    })
    this.#askedInNeed = world.network.notes.length
    await world.advance(4 * 3_600_000)
    for (const known of this.#known) {
      if (!known.accepted) continue
      const record = this.#durable.get(known.id)
      if (record === undefined) throw new Error(`operation ${known.id} is lost`)
      if (known.isHeld) expect(record.state, `went on by itself: ${known.id}`).toBe('pausedByApplication')
      if (record.state === 'pausedByApplication') {
        expect(known.mayPause, `paused without being asked: ${known.id}`).toBe(true)
      } else if (!isTerminal(record.state)) {
        throw new Error(`stuck: ${JSON.stringify(record)}\nevents:\n${this.#history(known.id)}`)
      }
    }
  }

  /** Closes the engine and looks for leaks. */
  async finish(): Promise<void> {
    await this.#close()
    this.#checkParts()
    for (const {status, fault, request} of this.world.network.notes) {
      this.#tally.count(`answered ${status}`)
      if (request.headers.some(([name, value]) => name === 'Range' && /\d$/.test(value)))
        this.#tally.count('asked for a hole')
      if (fault !== undefined) this.#tally.count(`fault ${fault}`)
    }
    for (const [what, count] of this.world.faults.met) this.#tally.count(what, count)
    expect(this.world.disk.openFiles, 'files left open').toBe(0)
    expect(this.world.network.open.size, 'exchanges left open').toBe(0)
    expect(this.world.clock.pending, 'timers left armed').toBe(0)
  }

  async #close(): Promise<void> {
    const {world} = this
    const {process} = world
    await world.close()
    // What the disk answers only now finds nobody, and leaves nothing open.
    do await world.advance(1_000)
    while (world.faults.answer())
    expect(world.disk.openFiles, 'files left open').toBe(0)
    expect(process.complaints.filter((line) => line.includes('chart'))).toEqual([])
  }

  async #reopen(): Promise<void> {
    // What a crash cut short may have reached anybody.
    for (const known of this.#byId.values()) {
      if (this.#isUnderWay(known.group, 'pause')) known.mayPause = true
      if (this.#isUnderWay(known.group, 'cancel')) known.wish = 'cancel'
    }
    this.#underWay.clear()
    // Also those that became durable and whose acceptance nobody heard.
    for (const known of this.#byId.values()) {
      known.entry = undefined
      known.received = 0
      if (known.isHeld) known.isHeld = this.#durable.get(known.id)?.state === 'pausedByApplication'
    }
    await this.#openUntilItServes()
    this.#checkPublished()
  }

  /** What refuses to open, for a port that failed, holds nothing: the next process may. */
  async #openUntilItServes(): Promise<void> {
    for (;;) {
      try {
        await this.world.open()
        return
      } catch (error) {
        if (!REFUSALS.includes(codeOf(error) ?? '')) throw error
        expect(this.world.disk.openFiles, 'files left open').toBe(0)
        this.#tally.count('refused to open')
      }
    }
  }

  #start(command: Command & {kind: 'start'}): void {
    const {world} = this
    const priority = command.priority as BackgroundTransferPriority
    const group = GROUPS[command.group] ?? ''
    const version = this.#versions[command.file]?.at(-1)
    const {id: _, ...draft} = world.draft(command.file, {policy: {group, priority}})
    const id = world.engine.newId()
    const checksum = {
      algorithm: 'sha256' as const,
      hex: version === undefined ? '' : sha256(contentOf(version.seed, version.size)),
    }
    const known: Known = {
      id,
      file: command.file,
      group,
      checked: command.checked,
      everHigh: priority === 1,
      accepted: false,
      wish: 'run',
      mayPause: false,
      isHeld: false,
      ended: undefined,
      received: 0,
      entry: undefined,
    }
    this.#byId.set(id, known)
    const target = {...draft.target, file: `/downloads/${command.file}`, collision: 'replaceExisting' as const}
    const policy = {
      ...draft.policy,
      ...(command.checked ? {checksum} : {}),
      // It wants a length.
      ...(command.random === true && !this.#isUnsaid(command.file) ? {randomAccess: true} : {}),
      ...(command.connections === undefined ? {} : {connections: command.connections}),
    }
    const present = world.process
    this.#tolerate(
      world.engine.start([{...draft, id, target, policy}]).then(([entry]) => {
        if (!world.isPresent(present) || entry === undefined) return
        known.accepted = true
        known.entry = entry
        this.#known.push(known)
        this.#tally.count('started')
        // Half of them are followed by nobody.
        if (this.#known.length % 2 === 0) {
          known.entry = undefined
          world.engine.release(entry)
        }
      }),
    )
  }

  /** A command for a whole group reaches also those who are started, or resumed, while it is under way. */
  #commandGroup(group: string, command: 'pause' | 'resume' | 'cancel'): void {
    const {world} = this
    const members = [...this.#byId.values()].filter((known) => known.group === group)
    for (const known of members) {
      if (known.wish === 'cancel') continue
      known.wish = WISHES[command]
      known.isHeld = false
      if (command === 'pause') known.mayPause = true
    }
    const act = {pause: 'pauseGroup', resume: 'resumeGroup', cancel: 'cancelGroup'} as const
    const underWay = {group, command}
    this.#underWay.add(underWay)
    const present = world.process
    const over = () => {
      if (!world.isPresent(present)) return
      this.#underWay.delete(underWay)
      this.#tally.count(`group ${command} carried out`)
      if (command === 'pause') for (const known of members) this.#holds(known)
    }
    this.#tolerate(world.engine[act[command]](group).then(over))
  }

  /** Who is paused after its group was, and was not asked to go on meanwhile, stays so. */
  #holds(known: Known): void {
    const isPaused = this.#durable.get(known.id)?.state === 'pausedByApplication'
    if (isPaused && known.wish === 'pause' && !this.#maySetOff(known)) known.isHeld = true
  }

  /** A command for its group is under way, and may reach it later. */
  #maySetOff({group}: Known): boolean {
    return this.#isUnderWay(group, 'resume') || this.#isUnderWay(group, 'cancel')
  }

  #isUnderWay(wanted: string, command: 'pause' | 'resume' | 'cancel'): boolean {
    return [...this.#underWay].some((each) => each.group === wanted && each.command === command)
  }

  /** The file of the nth operation that was started. */
  #fileOf(nth: number): number {
    const all = [...this.#byId.values()]
    return all[nth % Math.max(1, all.length)]?.file ?? nth
  }

  #command(
    nth: number,
    act: (known: Known, entry: OperationEntry) => void,
    onRefused: (known: Known, entry: OperationEntry) => void = () => undefined,
  ): void {
    const known = this.#known[this.#known.length === 0 ? 0 : nth % this.#known.length]
    if (known === undefined) return
    const {engine} = this.world
    const doIt = (entry: OperationEntry) => {
      try {
        act(known, entry)
      } catch (error) {
        if (codeOf(error) !== 'ILLEGAL_STATE') throw error
        onRefused(known, entry)
      }
    }
    if (known.entry !== undefined) {
      doIt(known.entry)
      return
    }
    this.#tolerate(
      engine.find(known.id).then((entry) => {
        if (entry === undefined) throw new Error(`operation ${known.id} cannot be found`)
        doIt(entry)
        engine.release(entry)
      }),
    )
  }

  readonly #failures: unknown[] = []

  #tolerate(done: Promise<unknown>): void {
    done.catch((error) => {
      if (!REFUSALS.includes(codeOf(error) ?? '')) this.#failures.push(error)
    })
  }

  #addVersion(n: number, size: number): void {
    this.#lastSeed += 1
    const version = {seed: this.#lastSeed, size}
    const versions = this.#versions[n] ?? []
    versions.push(version)
    this.#versions[n] = versions
    this.world.network.serve(urlOf(n), {
      ...version,
      ...(this.#isUnsaid(n) ? {framing: 'chunked'} : {}),
      ...(this.#says === 'digest' && n % 2 === 1 ? {headers: [digestField(version)]} : {}),
    })
  }

  #isUnsaid(n: number): boolean {
    return this.#says === 'nothing' && n % 2 === 1
  }

  #began(exchange: SimulatedExchange): void {
    const {open} = this.world.network
    const addresses = new Set([...open].map(({url}) => url))
    if (addresses.size > CAPACITY) this.#failures.push(new Error(`${addresses.size} addresses at once`))
    if (open.size > CAPACITY * MOST_CONNECTIONS) this.#failures.push(new Error(`${open.size} exchanges at once`))
    const url = exchange.url
    const hasParts = [...this.#byId.values()].filter(({file}) => urlOf(file) === url).length === 1
    const connections = [...open].filter((each) => each.url === url).length
    if (hasParts && connections > 1) this.#tally.count(`${connections} connections for a file`)
    const rivals = this.#movingIn(url)
    if (rivals.length > 1) {
      this.#failures.push(new Error(`two members of a serialized group at once: ${rivals.map(({id}) => id).join()}`))
    }
  }

  /** Members of the serialized group of this address's operation that have an exchange. */
  #movingIn(url: string): readonly Known[] {
    const urls = new Set([...this.world.network.open].map((exchange) => exchange.url))
    const own = this.#liveOf(url)
    if (own === undefined || own.everHigh || own.group !== 'serialized') return []
    return [...urls].flatMap((each) => {
      const known = this.#liveOf(each)
      return known !== undefined && known.group === own.group && !known.everHigh ? [known] : []
    })
  }

  /** One file, one writer: an address belongs to one unfinished operation. */
  #liveOf(url: string): Known | undefined {
    return [...this.#byId.values()].findLast(
      (known) => urlOf(known.file) === url && known.ended === undefined && known.accepted,
    )
  }

  #told(event: EngineEvent): void {
    this.#readDurable()
    switch (event.type) {
      case 'operation.moved': {
        const known = this.#byId.get(event.id)
        if (known !== undefined) this.#moved(known, event.record, event.to, event.because)
        break
      }
      case 'operation.restarted': {
        const known = this.#byId.get(event.id)
        if (known !== undefined) known.received = 0
        this.#tally.count('restarted from zero')
        break
      }
      case 'progress':
        for (const {id, bytesReceived, totalBytesToReceive} of event.changes) {
          const known = this.#byId.get(id)
          if (known === undefined) continue
          if (bytesReceived < known.received) {
            this.#fail(`bytesReceived of ${id} fell from ${known.received} to ${bytesReceived}`, id)
          }
          known.received = bytesReceived
          if (totalBytesToReceive > 0 && bytesReceived > totalBytesToReceive) {
            this.#fail(`${bytesReceived} of ${totalBytesToReceive} bytes`, id)
          }
        }
        break
      case 'store.failed':
        this.#tally.count('store failed')
        break
      default:
    }
  }

  #moved(known: Known, record: OperationRecord, to: string, because: string): void {
    this.#tally.count(`${to} because ${because}`)
    const status = statusOf(record.state)
    if (!Object.values(BackgroundTransferStatus).includes(status)) this.#fail(`status ${status}`, known.id)
    if (known.ended !== undefined) this.#fail(`went from ${known.ended} to ${record.state}`, known.id)
    if (this.#isUnderWay(known.group, 'pause')) known.mayPause = true
    else if (known.wish === 'run' && record.state !== 'pausedByApplication') known.mayPause = false
    // Whom nobody follows is forgotten while it rests, with the bytes that were not durable.
    if (known.entry === undefined && REST.has(record.state)) known.received = 0
    if (!isTerminal(record.state)) return
    known.ended = record.state
    const durable = this.#durable.get(known.id)
    if (durable?.state !== record.state) this.#fail(`told ${record.state}, but ${durable?.state} is durable`, known.id)
    const isAsked = known.wish === 'cancel' || this.#isUnderWay(known.group, 'cancel')
    if (record.state === 'canceled' && !isAsked) this.#fail('canceled without being asked', known.id)
    if (record.state === 'completed') this.#completed(known, record)
    if (record.state === 'completed' && record.policy.randomAccess === true) this.#tally.count('completed in any order')
    if (record.state === 'failed') this.#failed(known, record)
  }

  #completed(known: Known, record: OperationRecord): void {
    const bytes = this.world.disk.readFile(record.resultFile ?? '')
    if (bytes === undefined) {
      this.#fail('completed without a file', known.id)
      return
    }
    if (!this.#isVersion(known.file, bytes)) {
      this.#fail('completed with wrong bytes', known.id)
      return
    }
    // A store that refuses delays what is told: somebody else may have written the file again before.
    if (this.#isWrittenAgain(known)) return
    if (record.evidence.total !== bytes.length) this.#fail('completed with a wrong total', known.id)
    if (known.checked && record.policy.checksum?.hex !== sha256(bytes))
      this.#fail('completed against its checksum', known.id)
  }

  /** By somebody who was asked for it later. */
  #isWrittenAgain({id, file}: Known): boolean {
    return this.#known.some(
      (other) => other.file === file && other.id > id && PUBLISHED.includes(this.#durable.get(other.id)?.state),
    )
  }

  #isAskedAgain({id, file}: Known): boolean {
    return [...this.#byId.values()].some((other) => other.file === file && other.id > id)
  }

  #failed(known: Known, record: OperationRecord): void {
    this.#tally.count(`failed: ${record.error?.code}`)
    if (record.error === undefined) {
      this.#fail('failed without saying why', known.id)
      return
    }
    if (record.error.code === 'INTERNAL') this.#fail(`failed by itself: ${record.error.message}`, known.id)
    const last = this.world.network.notes.findLastIndex(({request}) => request.url === urlOf(known.file))
    // The last that its address was asked for, unless it was by somebody who was started later.
    const isBeforeHealing = last < this.#askedInNeed || this.#isAskedAgain(known)
    if (record.error.code !== 'CHECKSUM_MISMATCH' && !isBeforeHealing)
      this.#fail(`failed in a good world: ${JSON.stringify(record.error)}`, known.id)
  }

  #isVersion(n: number, bytes: Buffer): boolean {
    return (this.#versions[n] ?? []).some(
      ({seed, size}) => size === bytes.length && contentOf(seed, size).equals(bytes),
    )
  }

  /** What was reported complete is on the disk, whole, whatever happened since. */
  #checkPublished(): void {
    for (const known of this.#known) {
      if (known.ended !== 'completed') continue
      const bytes = this.world.disk.readFile(`/downloads/${known.file}`)
      if (bytes === undefined || !this.#isVersion(known.file, bytes)) this.#fail('a completed file went bad', known.id)
    }
  }

  /** Every part and side file is the property of somebody who may still go on from it. */
  #checkParts(): void {
    const owners = new Set<string>()
    for (const {id} of this.#byId.values()) {
      const record = this.#durable.get(id)
      if (record === undefined || record.state === 'completed' || record.state === 'canceled') continue
      owners.add((record.evidence.partOwner ?? id).slice(-8))
    }
    for (const name of this.world.disk.names('/downloads')) {
      if (!name.startsWith('.')) continue
      const [, , owner = ''] = name.split('.')
      if (!owners.has(owner) && !this.#couldStay(owner)) throw new Error(`nobody owns ${name}`)
    }
  }

  /** A cancel, and whoever takes over a file, go on where the file system refuses to remove a part (decision 0006). */
  #couldStay(owner: string): boolean {
    if (![...this.world.faults.met.keys()].some((what) => what.includes('disk'))) return false
    return [...this.#byId.keys()].every((id) => !id.endsWith(owner) || this.#durable.get(id)?.state !== 'completed')
  }

  #readDurable(): void {
    const {log} = this.world.storeDisk
    for (const apply of log.slice(this.#durableRead)) apply(this.#durable)
    this.#durableRead = log.length
  }

  #step(): void {
    this.#readDurable()
    const [failure] = this.#failures
    if (failure !== undefined) throw failure
    for (const known of this.#known) {
      const record = this.#durable.get(known.id)
      if (record === undefined) throw new Error(`operation ${known.id} is lost`)
      if (this.#looksAtBytes) this.#checkEvidence(known, record)
    }
  }

  /** What a record says of the bytes survives the loss of power now. */
  #checkEvidence({id, file, wish}: Known, {state, evidence, target, publishing}: OperationRecord): void {
    // Where its name is being given, the bytes may bear the other one already.
    if (publishing !== undefined) return
    // A cancel removes them while its record may wait for the store: a crash then goes on without them.
    if (wish === 'cancel') return
    if (evidence.ranges.length === 0 || isTerminal(state) || state === 'publishing' || state === 'canceling') return
    const {part} = partPaths({id: evidence.partOwner ?? id, file: target.file, generation: evidence.generation})
    const bytes = this.world.disk.readDurable(part)
    const length = bytes?.length ?? 0
    // All of one version: bytes of two are never mixed.
    const isRight = (this.#versions[file] ?? []).some((version) => {
      const content = contentOf(version.seed, version.size)
      return evidence.ranges.every(
        ([start, end]) => end <= length && bytes?.subarray(start, end).equals(content.subarray(start, end)) === true,
      )
    })
    if (!isRight) {
      throw new Error(
        `the record of ${id} says ${evidence.ranges.join(' ')}, of which ${length} are durable in ${part}`,
      )
    }
  }

  #fail(message: string, id: OperationId): void {
    this.#failures.push(new Error(`${message}\n${this.#history(id)}`))
  }

  #history(id: OperationId): string {
    return this.world.process.events
      .flatMap((event) =>
        'id' in event && event.id === id
          ? [
              `${event.at} ${event.type} ${'to' in event ? `${event.from} -> ${event.to} because ${event.because}` : ''}`,
            ]
          : [],
      )
      .join('\n')
  }
}

/** Of every third version it is that of another one. */
function digestField({seed, size}: {readonly seed: number; readonly size: number}): HeaderField {
  const digest = Buffer.from(sha256(contentOf(seed % 3 === 0 ? seed + 1 : seed, size)), 'hex')
  return ['Repr-Digest', `sha-256=:${digest.toString('base64')}:`]
}

function storeFault(): TransferError {
  return new TransferError('DISK_FAILED', 'the store’s disk failed')
}

function codeOf(error: unknown): string | undefined {
  return error instanceof TransferError ? error.code : undefined
}
