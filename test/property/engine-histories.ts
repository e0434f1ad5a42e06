/** Histories that every run of the engine's property begins with: what once broke it, and what chance meets too seldom. */

import type {NetworkFault} from '../support/simulated-network.ts'
import type {Command} from './engine-model.ts'

type History = readonly [seed: number, commands: readonly Command[]]

const PARALLEL = 0
const SERIALIZED = 2
const CHANGING = 3

function start(file: number, wish: {group?: number; priority?: number; checked?: boolean} = {}): Command {
  return {kind: 'start', file, group: PARALLEL, priority: 0, checked: false, ...wish}
}

function advance(ms: number): Command {
  return {kind: 'advance', ms}
}

/** One operation meets one fault, after `before` ms, and gets time to recover. */
function meets(fault: NetworkFault, ...before: readonly Command[]): History {
  return [0, [...before, start(3), {kind: 'fault', nth: 0, fault}, advance(200_000)]]
}

export const BROKEN_ONCE: readonly History[] = [
  // The part of a new generation was made before its record was durable, and a kill left it without an owner.
  [
    0,
    [
      start(1),
      advance(1_100),
      {kind: 'reopen'},
      {kind: 'fault', nth: 0, fault: {kind: 'rangeIgnored'}},
      {kind: 'failStore', batches: 1},
      advance(1_100),
      {kind: 'crash', how: 'kill'},
    ],
  ],
  // Told progress fell when a try began again at the last durable byte.
  [0, [{kind: 'failDisk', call: 'write', code: 'ENOSPC'}, start(0), advance(200_000)]],
  // More bytes than there are were told of a small file that began anew with another version, whose length nobody said.
  [
    5,
    [
      ...[1, 2, 3].map((file) => start(file)),
      {kind: 'failDisk', call: 'write', code: 'ENOSPC'},
      start(0),
      advance(300),
      advance(1_100),
      {kind: 'newVersion', nth: 0, size: 150_000},
    ],
  ],
  // A record that the store refused was never offered again.
  [0, [start(1), advance(1_100), {kind: 'failStore', batches: 2}, advance(5_000)]],
  // An empty body was verified before its part was open.
  [
    0,
    [
      {kind: 'failDisk', call: 'fdatasync', code: 'ENOSPC'},
      start(3),
      advance(1_100),
      {kind: 'newVersion', nth: 0, size: 0},
    ],
  ],
  // An operation that started over had given its slot away.
  [
    0,
    [
      start(9, {checked: true}),
      start(2),
      start(0),
      advance(300),
      {kind: 'network', up: false},
      {kind: 'newVersion', nth: 0, size: 0},
      start(1),
    ],
  ],
  // Who left the line and came back to it while it was being read was forgotten.
  [0, [start(0), start(0), advance(10), {kind: 'crash', how: 'kill'}, {kind: 'changePriority', nth: 0, priority: 1}]],
  // Canceled before its part was open: the part was opened all the same, behind its removal.
  [
    23,
    [
      start(0),
      start(3, {group: SERIALIZED}),
      start(5, {group: SERIALIZED}),
      advance(5_000),
      {kind: 'reopen'},
      {kind: 'cancel', nth: 2},
    ],
  ],
  // What a cancel removed was there again after a power cut.
  [380_245_203, [start(1), advance(1_100), {kind: 'cancel', nth: 0}, advance(5_000), {kind: 'crash', how: 'power'}]],
  // A group was put to sleep while its member wanted to come back to an origin that asked for quiet: nobody told it of the end.
  [
    0,
    [
      start(1),
      start(0, {group: CHANGING}),
      {kind: 'fault', nth: 3, fault: {kind: 'refused'}},
      {kind: 'fault', nth: 0, fault: {kind: 'status', status: 503, retryAfterS: 5}},
      advance(5_000),
      {kind: 'group', group: 1, command: 'pause'},
    ],
  ],
  // Resumed with its group while it still yielded to a pause, it stayed paused; and another pause was refused.
  ...[[], [{kind: 'pause', nth: 0}] as const].map(
    (last): History => [
      0,
      [
        start(0, {group: CHANGING}),
        advance(300),
        {kind: 'pause', nth: 0},
        {kind: 'group', group: CHANGING, command: 'resume'},
        ...last,
      ],
    ],
  ),
  // Told as completed late, by a store that had refused, after somebody else had written its file again.
  [
    0,
    [
      start(4),
      advance(10),
      {kind: 'failStore', batches: 1},
      advance(320),
      {kind: 'newVersion', nth: 0, size: 0},
      advance(2_200),
      start(4),
    ],
  ],
  // Read from the store and admitted in the turn in which its creation was told, one stood in line a second time, and ran twice.
  [
    23,
    [
      start(7, {group: SERIALIZED}),
      start(7),
      start(7),
      start(0, {group: SERIALIZED, priority: 1}),
      start(1, {group: SERIALIZED, priority: 1}),
      start(2, {priority: 1}),
      start(3),
      {kind: 'resumeAll'},
    ],
  ],
  // Paused, which the store refused to write: who resumed its group did not find it there.
  [
    0,
    [
      start(0, {group: SERIALIZED}),
      advance(50),
      {kind: 'failStore', batches: 1},
      {kind: 'changePriority', nth: 0, priority: 0},
      {kind: 'pause', nth: 0},
      advance(1),
      {kind: 'group', group: SERIALIZED, command: 'resume'},
    ],
  ],
  // Removed by a process that was killed before its sync; the next found nothing to remove, and synced nothing.
  [
    0,
    [
      start(1),
      advance(1_100),
      {kind: 'cancel', nth: 0},
      advance(50),
      {kind: 'crash', how: 'kill'},
      advance(5_000),
      {kind: 'crash', how: 'power'},
    ],
  ],
  // Failed by its disk and told late, by a store that had refused, after somebody else had asked its address again.
  [
    0,
    [
      start(3, {checked: true}),
      start(0),
      advance(300),
      {kind: 'failDisk', call: 'rename', code: 'EIO'},
      {kind: 'failStore', batches: 3},
      {kind: 'pause', nth: 1},
      advance(2_200),
      start(3),
    ],
  ],
  // Resumed, which the store refused to write: who paused its group did not find it there, and it went on.
  [
    0,
    [
      start(0, {group: SERIALIZED}),
      advance(50),
      {kind: 'pause', nth: 0},
      advance(50),
      {kind: 'failStore', batches: 1},
      {kind: 'resume', nth: 0},
      {kind: 'group', group: SERIALIZED, command: 'pause'},
      advance(10_000),
    ],
  ],
]

export const SELDOM: readonly History[] = [
  meets({kind: 'neverConnects'}),
  meets({kind: 'neverAnswers'}),
  meets({kind: 'stalled', after: 15_000}),
  meets({kind: 'refused'}),
  meets({kind: 'status', status: 503, retryAfterS: 5}),
  meets({kind: 'truncated', after: 40_000}),
  // The rest is asked for, and the answer is no good.
  [
    0,
    [
      start(3),
      {kind: 'fault', nth: 0, fault: {kind: 'reset', after: 40_000}},
      {kind: 'fault', nth: 0, fault: {kind: 'rangeMoved', by: 1}},
      advance(200_000),
    ],
  ],
  [
    0,
    [
      start(3),
      {kind: 'fault', nth: 0, fault: {kind: 'reset', after: 40_000}},
      {kind: 'fault', nth: 0, fault: {kind: 'rangeIgnored'}},
      advance(200_000),
    ],
  ],
  // Members of a serialized group overtake each other.
  [
    0,
    [
      ...[1, 2, 3, 4].map((file) => start(file, {group: SERIALIZED})),
      advance(300),
      {kind: 'makeCurrent', nth: 2},
      advance(50),
      {kind: 'makeCurrent', nth: 1},
      {kind: 'makeCurrent', nth: 3},
      advance(300),
      {kind: 'makeCurrent', nth: 0},
      {kind: 'crash', how: 'power'},
    ],
  ],
]
