/**
 * The state `exchanging` of a download: one try, from its connection to its last byte. The traffic is the actor `transferBytes`;
 * what stands here is how long each step of it may take, and how it ends without loss when a pause, the line or the conditions
 * want it to.
 */

import type {Evidence} from '../src/domain/record.ts'
import type {ResponseFacts} from '../src/domain/response-facts.ts'
import {setUp} from './operation.setup.ts'
import {noteThrown, pausesOfTheSystem} from './transfer.transitions.ts'

const noteEvidence = {
  type: 'noteEvidence',
  params: ({event}: {event: {evidence: Evidence}}) => ({evidence: event.evidence}),
} as const

const noteResponse = {
  type: 'noteResponse',
  params: ({event}: {event: {response: ResponseFacts; evidence: Evidence}}) => ({
    response: event.response,
    evidence: event.evidence,
  }),
} as const

/** The bytes come: on one connection there is nothing to look at first. */
const toTheBody = [{guard: 'hasOneConnection', target: 'transferring.pulse.resting'}, {target: 'transferring'}] as const

/** The pause that holds now, or, where it is over already, back towards the wire. */
const afterYieldingToConditions = [...pausesOfTheSystem('operation'), {target: '#operation.running.returning'}] as const

export const exchanging = () =>
  setUp.createStateConfig({
    description: 'One try: a request, its answer, its bytes',
    tags: ['running', 'moving'],
    initial: 'active',
    entry: 'countTry',
    exit: 'dropParts',
    invoke: {
      id: 'attempt',
      src: 'transferBytes',
      input: ({context}) => ({facts: context.facts, wanted: context.wanted}),
      onError: {target: 'weighing', actions: noteThrown},
    },
    on: {
      'attempt.checkpointed': {actions: noteEvidence},
      'attempt.finished': {target: 'finishing', actions: noteEvidence},
      'attempt.failed': [
        {
          description: 'What the cache had is not what is expected: the server is asked',
          guard: {
            type: 'deservesFreshAnswer',
            params: ({event}) => ({error: event.error, response: event.response}),
          },
          target: 'startingOver',
          actions: [
            {
              type: 'noteFailure',
              params: ({event}) => ({error: event.error, evidence: event.evidence}),
            },
            'noteCleanRestart',
          ],
        },
        {
          guard: {type: 'mustStartOver', params: ({event}) => ({error: event.error})},
          target: 'startingOver',
          actions: {
            type: 'noteFailure',
            params: ({event}) => ({error: event.error, evidence: event.evidence}),
          },
        },
        {
          description: 'Once too often: nobody is to go on from these bytes, now or later',
          guard: {type: 'provedUseless', params: ({event}) => ({error: event.error})},
          target: 'weighing',
          actions: [
            {
              type: 'noteFailure',
              params: ({event}) => ({error: event.error, evidence: event.evidence}),
            },
            'startNextGeneration',
          ],
        },
        {
          target: 'weighing',
          actions: {
            type: 'noteFailure',
            params: ({event}) => ({
              error: event.error,
              evidence: event.evidence,
              ...(event.response === undefined ? {} : {response: event.response}),
            }),
          },
        },
      ],
      'range.wanted': {
        actions: [
          {type: 'noteWanted', params: ({event}) => ({position: event.position})},
          {type: 'tellWanted', params: ({event}) => ({position: event.position})},
        ],
      },
      'source.dropped': {actions: {type: 'noteDropped', params: ({event}) => ({dropped: event.dropped})}},
      'part.wanted': {
        guard: 'mayAddPart',
        actions: {type: 'addPart', params: ({event}) => ({part: event.part})},
      },
      'part.failed': {
        actions: ['countPart', {type: 'tellCounts', params: ({event}) => ({part: event.part})}],
      },
      'part.ended': {actions: {type: 'dropPart', params: ({event}) => ({part: event.part})}},
      'operation.cancel': '#operation.canceling',
    },
    states: {
      active: {
        description: 'The try goes on as long as nothing asks it to stop',
        initial: 'connecting',
        always: {guard: 'isBlocked', target: 'yieldingToConditions'},
        on: {
          'attempt.continuing': '.connecting',
          'attempt.attending': '.transferring.flow.attending',
          'operation.pause': {guard: 'canBePaused', target: 'yieldingToPause'},
          'operation.displace': 'yieldingToLine',
          'operation.suspend': 'yieldingToLine',
        },
        states: {
          connecting: {
            description: 'A connection is being made, or an idle one taken',
            on: {'attempt.connected': 'awaitingResponse'},
            after: {connectTimeout: {target: '#operation.running.weighing', actions: 'noteConnectTimeout'}},
          },
          awaitingResponse: {
            description: 'The request is out; the head of its answer is not here yet',
            on: {
              'attempt.redirected': 'connecting',
              'attempt.challenged': 'connecting',
              'attempt.responded': toTheBody.map((branch) => ({...branch, actions: noteResponse})),
              'attempt.restarted': {target: 'recordingRestart', actions: noteResponse},
            },
            after: {responseTimeout: 'concluding'},
          },
          concluding: {
            description:
              'No more is waited for: a head that is here decides, although its body, which nobody wants, has not ended',
            entry: 'askForAnswer',
            on: {
              'attempt.unanswered': {target: '#operation.running.weighing', actions: 'noteResponseTimeout'},
              'attempt.redirected': 'connecting',
              'attempt.challenged': 'connecting',
            },
            after: {yieldTimeout: {target: '#operation.running.weighing', actions: 'noteResponseTimeout'}},
          },
          recordingRestart: {
            description: 'The body waits until the record of its new generation is durable',
            invoke: {
              id: 'restartCommit',
              src: 'commitRecord',
              input: ({context}) => ({record: {...context.facts, state: 'running'}}),
              onDone: toTheBody.map((branch) => ({...branch, actions: 'releaseBody' as const})),
              onError: {target: '#operation.running.weighing', actions: noteThrown},
            },
          },
          transferring: {
            description: 'Body bytes flow from the connection to the part file',
            type: 'parallel',
            states: {
              flow: {
                description: 'Each byte that comes starts the count anew',
                initial: 'counting',
                // The target is a child: re-entering a region itself would start the other region's delay anew too.
                on: {'attempt.progressed': '.counting', 'attempt.attending': '.attending'},
                states: {
                  counting: {
                    description: 'Counts as stalled when no byte came for stallTimeout',
                    after: {stallTimeout: {target: '#operation.running.weighing', actions: 'noteStall'}},
                  },
                  attending: {description: 'Parts bring the rest, each with timeouts of its own'},
                },
              },
              pulse: {
                description: 'Asks for a checkpoint again and again',
                initial: 'beginning',
                states: {
                  beginning: {
                    description: 'Soon asks whether more connections would be of use, where there may be more',
                    after: {firstLook: {target: 'resting', actions: 'askForWidth'}},
                  },
                  resting: {
                    description: 'Until the next checkpointInterval is over',
                    after: {
                      checkpointInterval: {target: 'resting', reenter: true, actions: 'askForCheckpoint'},
                    },
                  },
                },
              },
            },
          },
        },
      },
      yieldingToPause: {
        description: 'The application paused: the bytes so far are being made durable',
        entry: 'askToYield',
        on: {
          'operation.resume': {
            description: 'Taken back before it held: to the end of its class, as after any pause',
            target: 'yieldingToLine',
            actions: {type: 'notePlace', params: ({event}) => ({sequence: event.sequence})},
          },
          'attempt.yielded': {target: '#operation.paused.byApplication', actions: noteEvidence},
          'attempt.finished': {
            description: 'Every byte came meanwhile: its file is not published before it goes on',
            target: '#operation.paused.byApplication',
            actions: noteEvidence,
          },
          'attempt.failed': '#operation.paused.byApplication',
        },
        after: {yieldTimeout: '#operation.paused.byApplication'},
      },
      yieldingToLine: {
        description: 'Another member goes first, or the engine closes: the bytes so far are being made durable',
        entry: 'askToYield',
        on: {
          'operation.pause': {guard: 'canBePaused', target: 'yieldingToPause'},
          'attempt.yielded': {target: '#operation.queued', actions: noteEvidence},
          'attempt.failed': '#operation.queued',
        },
        after: {yieldTimeout: '#operation.queued'},
      },
      yieldingToConditions: {
        description: 'Network, cost or system policy forbid to go on: the bytes so far are being made durable',
        entry: 'askToYield',
        on: {
          'operation.pause': {guard: 'canBePaused', target: 'yieldingToPause'},
          'attempt.yielded': afterYieldingToConditions.map((branch) => ({...branch, actions: noteEvidence})),
          'attempt.failed': afterYieldingToConditions,
        },
        after: {yieldTimeout: afterYieldingToConditions},
      },
    },
  })
