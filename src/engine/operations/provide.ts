/** The only production caller of `provide`: the charts with the actors that ports make real. */

import {fromPromise} from 'xstate'
import {operationMachine} from '../../../machines/operation.machine.ts'
import {partMachine} from '../../../machines/part.machine.ts'
import {uploadMachine} from '../../../machines/upload.machine.ts'
import type {BufferPool} from '../../actors/buffer-pool.ts'
import {createDiscardParts, createPublishFile, createVerifyFile} from '../../actors/finish-file.ts'
import {createMovePart, createWeighPart} from '../../actors/move-part.ts'
import type {OpenTries} from '../../actors/open-tries.ts'
import {createPerformStep} from '../../actors/perform-step.ts'
import {createRefreshRequest, type FreshRequests} from '../../actors/refresh-request.ts'
import {createSendContent} from '../../actors/send-content.ts'
import {Logins} from '../../actors/server-login.ts'
import {createTransferBytes} from '../../actors/transfer-bytes.ts'
import {createDiscardUpload, createPrepareContent} from '../../actors/upload-content.ts'
import {createWeighFailure} from '../../actors/weigh-failure.ts'
import type {OperationRecord} from '../../domain/record.ts'
import type {ByteReaders} from '../../ports/byte-readers.ts'
import type {ConnectionPermits} from '../../ports/connection-permits.ts'
import type {OriginMemory} from '../../ports/origin-memory.ts'
import type {ProgressMeter} from '../../ports/progress-meter.ts'
import type {RateLimiter} from '../../ports/rate-limiter.ts'
import type {EnginePorts} from '../ports.ts'

export interface OperationProvisions {
  readonly ports: EnginePorts
  readonly meter: ProgressMeter
  readonly pool: BufferPool
  readonly limiter: RateLimiter
  readonly origins: OriginMemory
  readonly readers: ByteReaders
  /** One for all: downloads and uploads that name the same provider share its answer. */
  readonly fresh: FreshRequests
  readonly permits: ConnectionPermits
  /** The fewest bytes for which another connection is opened. */
  readonly minSliceBytes: number
  readonly tries: OpenTries
  /** Resolves when the record, or a newer one of the operation, is durable. */
  readonly commit: (record: OperationRecord) => Promise<void>
}

export function provideOperationMachine({ports, fresh, commit, tries, ...provisions}: OperationProvisions) {
  const logins = new Logins(ports)
  return operationMachine().provide({
    actors: {
      transferBytes: createTransferBytes({...ports, ...provisions, logins, fresh}, tries),
      refreshRequest: createRefreshRequest(fresh),
      part: partMachine().provide({
        actors: {movePart: createMovePart(tries), weighPart: createWeighPart(ports.clock, ports.random)},
      }),
      weighFailure: createWeighFailure(ports.clock, ports.random),
      commitRecord: fromPromise<void, {record: OperationRecord}>(({input}) => commit(input.record)),
      verifyFile: createVerifyFile(ports.sink),
      publishFile: createPublishFile(ports.sink),
      discardParts: createDiscardParts(ports.sink),
    },
  })
}

export function provideUploadMachine({ports, fresh, meter, pool, limiter, commit}: OperationProvisions) {
  const uploadPorts = {...ports, meter, pool, limiter, logins: new Logins(ports), fresh}
  return uploadMachine().provide({
    actors: {
      prepareContent: createPrepareContent(ports.content, ports.protocols),
      refreshRequest: createRefreshRequest(fresh),
      sendContent: createSendContent(uploadPorts),
      performStep: createPerformStep(uploadPorts),
      weighFailure: createWeighFailure(ports.clock, ports.random),
      commitRecord: fromPromise<void, {record: OperationRecord}>(({input}) => commit(input.record)),
      discardUpload: createDiscardUpload(ports.spool, fresh),
    },
  })
}
