/**
 * The state `exchanging` of an upload: one try of an upload that is one request, or of the question for its answer where that is
 * elsewhere. The traffic is the actor `sendContent`; what stands here is how long each step of it may take.
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

const receivingResponse = {
  target: '#upload.running.exchanging.active.receivingResponse',
  actions: noteResponse,
} as const

const toItsAnswer = '#upload.running.preparing'

const concluding = '#upload.running.exchanging.concluding'

export const exchanging = () =>
  setUp.createStateConfig({
    description: 'One try: a request with its body, and its answer; or, once it is taken, the question for that',
    tags: ['running', 'moving'],
    initial: 'active',
    entry: 'countTry',
    invoke: {
      id: 'attempt',
      src: 'sendContent',
      input: ({context}) => ({facts: context.facts}),
      onError: {target: 'weighing', actions: noteThrown},
    },
    on: {
      ...interruptions,
      'attempt.failed': {target: 'weighing', actions: noteFailure},
      'attempt.taken': {
        target: '.leaving',
        actions: {
          type: 'noteTaken',
          params: ({event}) => ({answerUrl: event.answerUrl, evidence: event.evidence}),
        },
      },
    },
    states: {
      active: {
        description: 'The try goes on as long as nothing asks it to stop',
        initial: 'connecting',
        always: pausesOfTheSystem('upload'),
        on: {'attempt.redirected': '.connecting', 'attempt.challenged': '.connecting'},
        states: {
          connecting: connectingTo('sending'),
          sending: {
            description: 'Body bytes flow to the connection; the server may answer before the last one',
            type: 'parallel',
            on: {
              'attempt.sent': 'awaitingResponse',
              'attempt.responded': receivingResponse,
            },
            states: movingBy('askForProgress', {target: '#upload.running.exchanging.active.concludingEarly'}),
          },
          awaitingResponse: {
            description: 'Every byte was taken; the head of the answer is not here yet',
            on: {'attempt.responded': receivingResponse},
            after: {responseTimeout: 'concluding'},
          },
          concludingEarly: concludingBy('askForAnswer', noteStalled),
          concluding: concludingBy('askForAnswer', noteUnanswered),
          receivingResponse: {
            description: 'The answer’s body is being kept',
            type: 'parallel',
            always: {guard: 'isAcceptedAndBlocked', target: concluding},
            on: {
              'attempt.finished': {target: '#upload.completed', actions: noteSent},
              'operation.displace': {guard: 'isAccepted', target: concluding},
              'operation.suspend': {guard: 'isAccepted', target: concluding},
            },
            states: movingBy('askForProgress', concluding),
          },
        },
      },
      leaving: {
        description:
          'The server took all of it, and said where its answer is: that is durable before it is asked for; the end of this one spares a connection at most',
        always: pausesOfTheSystem('upload'),
        on: {'attempt.redirected': toItsAnswer, 'attempt.failed': toItsAnswer},
        after: {partingTimeout: toItsAnswer},
      },
      concluding: {
        description:
          'No more of the answer is waited for, since the server fell silent, or it accepted and the try has to end: what came is kept, and its status decides',
        entry: 'askForAnswer',
        on: {
          'attempt.finished': {target: '#upload.completed', actions: noteSent},
          'operation.displace': {guard: 'isAccepted'},
          'operation.suspend': {guard: 'isAccepted'},
        },
      },
    },
  })
