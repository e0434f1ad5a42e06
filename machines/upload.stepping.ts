/**
 * The state `stepping` of an upload: one request of a protocol that can go on where it was cut. The traffic is the actor
 * `performStep`; which step follows is for the protocol to say (docs/decisions/0023-upload-protocols.md).
 */

import {noteThrown, pausesOfTheSystem} from './transfer.transitions.ts'
import {setUp} from './upload.setup.ts'
import {
  concludingBy,
  connectingTo,
  interruptions,
  movingBy,
  noteFailure,
  noteResponse,
  noteSent,
  noteStalled,
  noteUnanswered,
} from './upload.transitions.ts'

/** The end of a refusal is not needed; of a success the protocol has to read what there is to read. */
const stalledAnswer = [{guard: 'isRefused', target: '#upload.running.stepping.concluding'}, noteStalled] as const

/** The answer to a step is awaited, and comes. */
const answering = (description: string) =>
  ({
    awaitingResponse: {
      description,
      on: {'attempt.responded': {target: 'receivingResponse', actions: noteResponse}},
      after: {responseTimeout: 'concluding'},
    },
    concluding: concludingBy('askStepForAnswer', noteUnanswered),
    receivingResponse: {
      description: 'The answer’s body is being kept',
      type: 'parallel',
      states: movingBy('askStepForProgress', stalledAnswer),
    },
  }) as const

/** A step whose request carries nothing of the content. */
const shortStep = (description: string) =>
  ({
    description,
    initial: 'connecting',
    on: {'attempt.redirected': '.connecting', 'attempt.challenged': '.connecting'},
    states: {
      connecting: connectingTo('awaitingResponse'),
      ...answering('The head of the answer is not here yet'),
    },
  }) as const

export const stepping = () =>
  setUp.createStateConfig({
    description: 'One step of a protocol that can go on where it was cut; what it brings is durable before the next',
    tags: ['running', 'moving'],
    initial: 'discovering',
    always: pausesOfTheSystem('upload'),
    invoke: {
      id: 'step',
      src: 'performStep',
      input: ({context}) => ({facts: context.facts, step: context.step ?? 'discover'}),
      onError: {target: 'weighing', actions: noteThrown},
    },
    on: {
      ...interruptions,
      'attempt.stepped': {
        target: 'preparing',
        actions: {
          type: 'noteStep',
          params: ({event}) => ({next: event.next, resumable: event.resumable, evidence: event.evidence}),
        },
      },
      'attempt.finished': {target: '#upload.completed', actions: noteSent},
      'attempt.lost': {
        target: 'weighing',
        actions: {type: 'noteLost', params: ({event}) => ({error: event.error})},
      },
      'attempt.failed': {target: 'weighing', actions: noteFailure},
    },
    states: {
      discovering: shortStep('The server is asked what it offers'),
      creating: shortStep('A place for the upload is asked for'),
      askingOffset: shortStep('The server is asked how much of it is there'),
      appending: {
        description: 'The next bytes go out',
        initial: 'connecting',
        on: {'attempt.redirected': '.connecting', 'attempt.challenged': '.connecting'},
        states: {
          connecting: connectingTo('sending'),
          sending: {
            description: 'Body bytes flow to the connection; the server may answer before the last one',
            type: 'parallel',
            on: {
              'attempt.sent': 'awaitingResponse',
              'attempt.responded': {target: 'receivingResponse', actions: noteResponse},
            },
            states: movingBy('askStepForProgress', {target: '#upload.running.stepping.appending.concludingEarly'}),
          },
          concludingEarly: concludingBy('askStepForAnswer', noteStalled),
          ...answering('Every byte was taken; the head of the answer is not here yet'),
        },
      },
      completing: shortStep('All of it is there; the server is told so'),
      concluding: {
        description: 'The server fell silent within its refusal: what came of it is kept, and its status decides',
        entry: 'askStepForAnswer',
      },
    },
  })
