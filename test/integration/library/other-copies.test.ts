/** Objects of another copy of the package, as two installations bring one into a process: each call says that it is that. */

import {beforeEach, describe, expect, it} from 'vitest'
import {
  BackgroundDownloader,
  type BackgroundTransferCompletionGroup,
  type BackgroundTransferContentPart,
  type BackgroundTransferGroup,
  type DownloadOperation,
  type PasswordCredential,
  type TileNotification,
  type ToastNotification,
  type UploadOperation,
} from '../../../src/index.ts'
import {failure, makeWorld, type World} from '../harness.ts'
import {downloadIn} from './wrongly-given.ts'

/** One of the class that the other copy has; of what it holds nothing is to be asked. */
async function ofOtherCopy(file: string, name: string): Promise<object> {
  const module: Record<string, {readonly prototype: object}> = await import(`../../../src/namespace/${file}.ts?copy`)
  const kind = module[name]
  if (kind === undefined) throw new Error(`${file} has no ${name}`)
  return Object.create(kind.prototype)
}

type Call = readonly [
  call: string,
  argument: string,
  file: string,
  kind: string,
  use: (world: World, given: never) => unknown,
]

const CALLS: readonly Call[] = [
  [
    'transferGroup',
    'transferGroup',
    'background-transfer-group',
    'BackgroundTransferGroup',
    ({engine}, given: BackgroundTransferGroup) => Object.assign(engine.createDownloader(), {transferGroup: given}),
  ],
  [
    'getCurrentDownloadsForTransferGroupAsync',
    'group',
    'background-transfer-group',
    'BackgroundTransferGroup',
    ({engine}, given: BackgroundTransferGroup) => engine.getCurrentDownloadsForTransferGroupAsync(given),
  ],
  [
    'createDownloader',
    'completionGroup',
    'background-transfer-completion-group',
    'BackgroundTransferCompletionGroup',
    ({engine}, completionGroup: BackgroundTransferCompletionGroup) => engine.createDownloader({completionGroup}),
  ],
  [
    'new BackgroundDownloader',
    'completionGroup',
    'background-transfer-completion-group',
    'BackgroundTransferCompletionGroup',
    (_, given: BackgroundTransferCompletionGroup) => new BackgroundDownloader(given),
  ],
  [
    'registerBackgroundTask',
    'trigger',
    'background-transfer-completion-group',
    'BackgroundTransferCompletionGroup',
    ({engine}, completionGroup: BackgroundTransferCompletionGroup) =>
      engine.registerBackgroundTask({name: 'x', taskEntryPoint: import.meta.url, trigger: {completionGroup}}),
  ],
  [
    'requestUnconstrainedDownloadsAsync',
    'operations',
    'download-operation',
    'DownloadOperation',
    (world, given: DownloadOperation) => world.engine.requestUnconstrainedDownloadsAsync([downloadIn(world), given]),
  ],
  [
    'requestUnconstrainedUploadsAsync',
    'operations',
    'upload-operation',
    'UploadOperation',
    ({engine}, given: UploadOperation) => engine.requestUnconstrainedUploadsAsync([given]),
  ],
  [
    'serverCredential',
    'serverCredential',
    'password-credential',
    'PasswordCredential',
    ({engine}, given: PasswordCredential) => Object.assign(engine.createDownloader(), {serverCredential: given}),
  ],
  [
    'successToastNotification',
    'successToastNotification',
    'notifications',
    'ToastNotification',
    ({engine}, given: ToastNotification) => Object.assign(engine.createUploader(), {successToastNotification: given}),
  ],
  [
    'failureTileNotification',
    'failureTileNotification',
    'notifications',
    'TileNotification',
    ({engine}, given: TileNotification) => Object.assign(engine.createUploader(), {failureTileNotification: given}),
  ],
  [
    'createUploadAsync',
    'parts',
    'background-transfer-content-part',
    'BackgroundTransferContentPart',
    ({engine, server}, given: BackgroundTransferContentPart) =>
      engine.createUploader().createUploadAsync(server.url('/'), [given]),
  ],
]

describe('of another copy of the package', () => {
  let world: World

  beforeEach(async () => {
    world = await makeWorld()
  })

  it.each(CALLS)('%s: %s is refused as that', async (_, argument, file, kind, use) => {
    const given = (await ofOtherCopy(file, kind)) as never
    const refused = await failure((async () => use(world, given))())
    expect(refused).toMatchObject({
      code: 'INVALID_ARGUMENT',
      where: argument,
      message: `${argument} is a ${kind} of another copy of background-transfer`,
      advice: expect.stringContaining('npm ls background-transfer'),
    })
  })
})
