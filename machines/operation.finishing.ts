/**
 * The state `finishing` of a download: every byte is in the part file, and it becomes the file. The intent is durable before the
 * name is taken, so that a crash in between is recognised (docs/decisions/0003-publish-write-ahead.md).
 */

import {setUp} from './operation.setup.ts'
import {noteThrown} from './transfer.transitions.ts'

export const finishing = () =>
  setUp.createStateConfig({
    description: 'All bytes are here: from part file to file',
    tags: ['moving'],
    initial: 'verifying',
    states: {
      verifying: {
        description: 'Length and checksum are compared, and the bytes made durable',
        tags: ['running'],
        invoke: {
          id: 'verification',
          src: 'verifyFile',
          input: ({context}) => ({facts: context.facts}),
          onDone: {
            target: 'committing',
            actions: {type: 'noteVerified', params: ({event}) => ({file: event.output})},
          },
          onError: [
            {
              guard: {type: 'deservesCleanRestart', params: ({event}) => ({error: event.error})},
              target: '#operation.running.startingOver',
              actions: 'noteCleanRestart',
            },
            {
              guard: {type: 'lostItsPart', params: ({event}) => ({error: event.error})},
              target: '#operation.running.startingOver',
            },
            {target: '#operation.running.weighing', actions: noteThrown},
          ],
        },
        on: {
          'operation.pause': {guard: 'canBePaused', target: '#operation.paused.byApplication'},
          'operation.displace': '#operation.queued',
          'operation.cancel': '#operation.canceling',
        },
      },
      committing: {
        description: 'The intent to publish, with the identity of the part, is being made durable',
        tags: ['publishing'],
        invoke: {
          id: 'publishCommit',
          src: 'commitRecord',
          input: ({context}) => ({record: {...context.facts, state: 'publishing'}}),
          onDone: 'publishing',
          onError: {target: '#operation.running.weighing', actions: noteThrown},
        },
        on: {'operation.cancel': '#operation.canceling'},
      },
      publishing: {
        description: 'The part takes the file’s name; too late to cancel',
        tags: ['publishing'],
        invoke: {
          id: 'publication',
          src: 'publishFile',
          input: ({context}) => ({facts: context.facts}),
          onDone: {
            target: '#operation.completed',
            actions: {type: 'notePublished', params: ({event}) => ({file: event.output})},
          },
          onError: [
            {
              guard: {type: 'lostItsPart', params: ({event}) => ({error: event.error})},
              target: '#operation.running.startingOver',
            },
            {target: '#operation.running.weighing', actions: noteThrown},
          ],
        },
        on: {'operation.cancel': {description: 'Too late: nothing can be taken back'}},
      },
    },
  })
