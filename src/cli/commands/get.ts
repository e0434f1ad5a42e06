/** `bgt get`: downloads files, and goes on with those that an earlier run did not finish. */

import {createHash} from 'node:crypto'
import {createReadStream} from 'node:fs'
import {stat} from 'node:fs/promises'
import {asTransferError, TransferError} from '../../domain/errors.ts'
import {redactUrl} from '../../domain/redaction.ts'
import type {
  BackgroundTransferEngine,
  Checksum,
  CollisionPolicy,
  DownloadOperation,
  DownloadOptions,
} from '../../index.ts'
import {FilePlaces} from '../file-places.ts'
import type {Io} from '../io.ts'
import {goOn, isOver} from '../operations.ts'
import type {Header} from '../parse.ts'
import {applySettings, changeUnfinished, limitsOf} from '../request-flags.ts'
import {type Run, runTransfers, type Told} from '../run.ts'
import {engineOptions} from '../run-flags.ts'
import {OwnOperations} from '../scopes.ts'
import type {GetFlags, Wanted} from '../wanted.ts'
import type {Wish, WishList} from '../wish-list.ts'
import {detach} from './detach.ts'

export function get(io: Io, {wishes, headers}: Wanted, flags: GetFlags): Promise<number> {
  const run = new GetRun(wishes, headers, flags)
  return flags.detach === true ? detach(io, flags, run) : runTransfers(io, flags, engineOptions(flags, io.env), run)
}

/** What the store takes with one sync: enough that it costs little for each, and few enough that the first ones run soon. */
const BATCH = 1000
/** Batches that the disk takes while the next one is looked up. */
const MOST_WRITING = 2

class GetRun implements Run {
  readonly scope = new OwnOperations(({direction, target}) => direction === 'download' && this.#files.has(target.file))
  readonly #wishes: WishList
  readonly #headers: readonly Header[]
  readonly #flags: GetFlags
  readonly #files: FilePlaces
  #told: Told = {note: () => {}, fail: () => {}, complete: () => {}, join: () => {}, skip: () => {}}

  constructor(wishes: WishList, headers: readonly Header[], flags: GetFlags) {
    this.#wishes = wishes
    this.#files = new FilePlaces(wishes.length, (place) => wishes.at(place).file)
    this.#headers = headers
    this.#flags = flags
  }

  async begin(engine: BackgroundTransferEngine, told: Told): Promise<void> {
    this.#told = told
    const downloader = applySettings(engine, engine.createDownloader(), this.#flags, this.#headers)
    downloader.ftpTls = this.#flags.ftpTls ?? 'none'
    const named = this.#options(false)
    const unnamed = this.#options(true)
    const optionsOf = ({isUnnamed, checksum}: Wish) => {
      const options = isUnnamed ? unnamed : named
      return checksum === undefined ? options : {...options, checksum}
    }
    const writing: Promise<unknown>[] = []
    try {
      for (let at = 0; at < this.#wishes.length; at += BATCH) {
        const fresh = await this.#fresh(engine, at, Math.min(at + BATCH, this.#wishes.length))
        if (writing.length === MOST_WRITING) await writing.shift()
        const written = downloader.createDownloads(fresh.map((wish) => [wish.url, wish.file, optionsOf(wish)] as const))
        written.catch(() => undefined)
        writing.push(written)
      }
      await Promise.all(writing)
    } finally {
      await Promise.allSettled(writing)
    }
    this.scope.close()
  }

  /** Those of these places that are to be made anew; earlier ones of the same files go on, or are told. */
  async #fresh(engine: BackgroundTransferEngine, from: number, to: number): Promise<readonly Wish[]> {
    const batch: Wish[] = []
    for (let place = from; place < to; place += 1) {
      const wish = this.#wishes.at(place)
      if (this.#isFirstOfItsFile(wish, place)) batch.push(wish)
    }
    if (this.#flags.ifExists !== 'skip') return this.#notOnRecord(engine, batch)
    // An empty one may be what a crash left of an unfinished download, where there are no links.
    const missing = await this.#notThere(batch, 1)
    return this.#notThere(await this.#notOnRecord(engine, missing), 0)
  }

  /** Without those that are there already, with at least so many bytes. */
  async #notThere(batch: readonly Wish[], leastBytes: number): Promise<readonly Wish[]> {
    const sizes = await Promise.all(batch.map(({file}) => sizeOf(file)))
    const isThere = (index: number) => (sizes[index] ?? Number.NaN) >= leastBytes
    await Promise.all(batch.map((wish, index) => (isThere(index) ? this.#leave(wish.file, wish) : undefined)))
    return batch.filter((_, index) => !isThere(index))
  }

  /** What is there counts as had, unless another digest is wanted than it has. */
  async #leave(file: string, {url, checksum}: Wish): Promise<void> {
    try {
      if (checksum !== undefined) await demandDigest(file, checksum)
      this.#told.skip(file, redactUrl(url))
    } catch (thrown) {
      this.#told.fail(asTransferError(thrown))
    }
  }

  async #notOnRecord(engine: BackgroundTransferEngine, batch: readonly Wish[]): Promise<readonly Wish[]> {
    const onRecord = await engine.filesOnRecordAsync(batch.map(({file}) => file))
    if (onRecord.size === 0) return batch
    const earlier = await Promise.all(
      batch.map((wish) => (onRecord.has(wish.file) ? this.#earlier(engine, wish) : undefined)),
    )
    // In the order of the list: what goes on stands in line then as it stands there.
    const isFresh = await Promise.all(batch.map((wish, index) => this.#isFresh(wish, earlier[index])))
    return batch.filter((_, index) => isFresh[index])
  }

  /** The engine's part of --if-exists; undefined where the flag was not given. */
  get #collision(): CollisionPolicy | undefined {
    const {ifExists} = this.#flags
    return ifExists === 'skip' ? 'failIfExists' : ifExists
  }

  /** One object for all that are alike and have no digest: what the engine makes of it is then one, too. */
  #options(isUnnamed: boolean): DownloadOptions {
    const {priority, mirror} = this.#flags
    const collision = this.#collision
    return Object.freeze({
      ...this.#limits(),
      nameFromServer: isUnnamed,
      ...(priority === undefined ? {} : {priority}),
      ...(collision === undefined ? {} : {collision}),
      ...(mirror === undefined ? {} : {mirrors: mirror}),
    })
  }

  #limits() {
    return {...limitsOf(this.#flags), ...this.#ofDownloads()}
  }

  /** What uploads have nothing like. */
  #ofDownloads() {
    const {connections, resumeWithoutValidator, compareOnResume} = this.#flags
    return {
      ...(resumeWithoutValidator === undefined ? {} : {resumeWithoutValidator}),
      ...(compareOnResume === undefined ? {} : {compareOnResume}),
      ...(connections === undefined ? {} : {connections}),
    }
  }

  /** The same wish twice is one wish; two URLs, or two digests, for one file are a mistake. */
  #isFirstOfItsFile({plain, file, checksum}: Wish, place: number): boolean {
    const first = this.#files.add(file, place)
    if (first === place) return true
    const other = this.#wishes.at(first)
    if (other.plain !== plain) this.#told.fail(busy(file, `${redactUrl(other.plain)} goes into the same file`))
    else if (!isSameDigest(other.checksum, checksum))
      this.#told.fail(busy(file, 'another line wants another digest of it'))
    return false
  }

  async #earlier(
    engine: BackgroundTransferEngine,
    {file}: Wish,
  ): Promise<DownloadOperation | 'unreadable' | undefined> {
    try {
      return await engine.findByFileAsync(file)
    } catch (thrown) {
      if (!(thrown instanceof TransferError) || thrown.code !== 'STORE_DAMAGED') throw thrown
      this.#told.fail(thrown)
      return 'unreadable'
    }
  }

  /** Whether a new operation is to be made; an unfinished one of the same URL goes on instead. */
  async #isFresh(wish: Wish, earlier: DownloadOperation | 'unreadable' | undefined): Promise<boolean> {
    const {plain, file} = wish
    if (earlier === 'unreadable') return false
    if (earlier === undefined) return true
    if (isOver(earlier)) return !(await this.#isUntoldSuccess(earlier, wish)) && !(await this.#isThere(earlier, wish))
    if (earlier.requestedUri.href === plain) this.#continue(earlier, wish)
    else this.#told.fail(busy(file, `an unfinished download (${earlier.guid}) of another URL writes this file`))
    return false
  }

  /** The run before was killed between the end of the download and the telling of it: this one tells it. */
  async #isUntoldSuccess(operation: DownloadOperation, {plain, checksum}: Wish): Promise<boolean> {
    const summary = operation.describe()
    if (summary.status !== 'completed' || summary.delivered) return false
    if (operation.requestedUri.href !== plain) return false
    if (checksum !== undefined && !isSameDigest(checksum, operation.checksum)) return false
    if (!(await isFileOf(summary.file, summary.bytesReceived))) return false
    this.#told.complete(summary)
    return true
  }

  /** What the server named otherwise would be found to exist only when all of it has come again. */
  async #isThere(operation: DownloadOperation, wish: Wish): Promise<boolean> {
    const {status, file, bytesReceived} = operation.describe()
    const isKept = (this.#collision ?? 'failIfExists') === 'failIfExists' && status === 'completed'
    if (!isKept || file === wish.file || operation.requestedUri.href !== wish.plain) return false
    if (!(await isFileOf(file, bytesReceived))) return false
    if (this.#flags.ifExists === 'skip') await this.#leave(file, wish)
    else this.#told.fail(new TransferError('FILE_EXISTS', 'the file already exists', {where: file}))
    return true
  }

  #continue(operation: DownloadOperation, wish: Wish): void {
    this.scope.add(operation.guid)
    this.#change(operation, wish)
    goOn(operation, this.#told)
  }

  /** What this call asks differently holds from now on. */
  #change(operation: DownloadOperation, {checksum}: Wish): void {
    const collision = this.#collision
    const own = {...this.#ofDownloads(), ...(checksum === undefined ? {} : {checksum})}
    if (Object.keys(own).length > 0) operation.changeOptions(own)
    changeUnfinished(operation, this.#flags, this.#headers, (flag) => this.#keeps(operation, flag))
    if (collision !== undefined && collision !== operation.collision) this.#keeps(operation, '--if-exists')
  }

  #keeps(operation: DownloadOperation, flag: string): void {
    this.#told.note(`${operation.resultFile}: goes on as it was started; ${flag} is for new downloads`)
  }
}

function isSameDigest(one: Checksum | undefined, other: Checksum | undefined): boolean {
  return one?.algorithm === other?.algorithm && one?.hex === other?.hex
}

async function isFileOf(file: string, size: number): Promise<boolean> {
  return (await sizeOf(file)) === size
}

/** Bytes; undefined where there is no file. */
function sizeOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    (found) => (found.isFile() ? found.size : undefined),
    () => undefined,
  )
}

/** Rejects with CHECKSUM_MISMATCH, FILE_ACCESS. */
async function demandDigest(file: string, {algorithm, hex}: Checksum): Promise<void> {
  const hash = createHash(algorithm)
  try {
    for await (const bytes of createReadStream(file)) hash.update(bytes)
  } catch (cause) {
    throw new TransferError('FILE_ACCESS', 'the file that is there cannot be read', {
      where: file,
      cause,
      advice: 'check its permissions, or leave out the digest',
    })
  }
  const found = hash.digest('hex')
  if (found === hex) return
  throw new TransferError('CHECKSUM_MISMATCH', `the file that is there has another digest, ${found}`, {
    where: file,
    advice: 'choose another name, or use --if-exists unique or replace',
  })
}

function busy(file: string, what: string): TransferError {
  return new TransferError('DESTINATION_BUSY', what, {
    where: file,
    advice: 'choose another file, or cancel the other download',
  })
}
