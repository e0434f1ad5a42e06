/**
 * Room on the disk. What a download still needs is set aside when it begins, so that several that do not fit together wait for
 * one another instead of stopping halfway; and a reserve stays free, for the records of the engine and for everybody else.
 * Nothing is allocated: on a file system that does not tell its free space, only a failing write tells that it is full.
 */

import {dirname} from 'node:path'
import {TransferError} from '../../domain/errors.ts'
import type {FileSystem, Space} from './file-system.ts'

const MOST_RESERVE_BYTES = 64 * 1024 * 1024
/** On a small disk the reserve is this part of it. */
const RESERVE_SHARE = 0.02

/** Written bytes, of all parts together, after which the free space is looked at again: this, or a share of a large room. */
const LOOK_EVERY_BYTES = 8 * 1024 * 1024
const LOOK_SHARE = 1 / 256
const MOST_UNSEEN_BYTES = 64 * 1024 * 1024

/** Less than this is not worth a look of its own. */
const WORTH_A_LOOK_BYTES = 1024 * 1024

const MOST_DEVICES = 1000

interface Claim {
  readonly device: number
  /** Bytes that are still to come. */
  left: number
}

export class Room {
  readonly #files: FileSystem
  readonly #reserveBytes: number | undefined
  /** By path of the part. */
  readonly #claims = new Map<string, Claim>()
  /** Of directories that claims were made in: many files of one are looked up once. */
  readonly #devices = new Map<string, number>()
  /** Bytes whose writes have not ended: the disk may not know of them yet. */
  #underWay = 0
  /** Bytes that may still be written before the next look: less when there is little room. */
  #untilLook = WORTH_A_LOOK_BYTES
  /** By directory: another one may be on another disk. */
  readonly #looking = new Map<string, Promise<void>>()

  constructor(files: FileSystem, reserveBytes: number | undefined) {
    this.#files = files
    this.#reserveBytes = reserveBytes
  }

  /**
   * Whether the part at `path` can have `bytes` more and grow to `size`. Rejects with FILE_TOO_LARGE when its file system knows
   * no file that large, and with DISK_FULL when there is no room now.
   */
  async demand(path: string, bytes: number, size: number): Promise<void> {
    if (bytes < WORTH_A_LOOK_BYTES) return
    const directory = dirname(path)
    const space = await this.#files.space(directory)
    if (space === undefined) return
    const {maxFileBytes = Number.POSITIVE_INFINITY, freeBytes} = space
    if (size > maxFileBytes) {
      throw new TransferError('FILE_TOO_LARGE', `the file system takes no file of ${size} bytes`, {
        where: directory,
        details: {size, limit: maxFileBytes},
      })
    }
    const device = await this.#deviceOf(directory)
    let others = 0
    for (const [other, claim] of this.#claims) if (other !== path && claim.device === device) others += claim.left
    if (freeBytes - this.#reserve(space) - others < bytes) throw full(directory, space, bytes, others)
  }

  /** The same, and sets the bytes aside until they are written, or given back. */
  async claim(path: string, bytes: number, size: number): Promise<void> {
    const device = await this.#deviceOf(dirname(path))
    await this.demand(path, bytes, size)
    this.#claims.set(path, {device, left: bytes})
  }

  /** Writes `bytes` more to the part at `path`. Rejects with DISK_FULL, and writes nothing, when only the reserve is left. */
  async spend<T>(path: string, bytes: number, write: () => Promise<T>): Promise<T> {
    this.#underWay += bytes
    try {
      this.#untilLook -= bytes
      if (this.#untilLook < 0) await this.#lookOnce(dirname(path), bytes)
      const claim = this.#claims.get(path)
      if (claim !== undefined) claim.left = Math.max(0, claim.left - bytes)
      return await write()
    } finally {
      this.#underWay -= bytes
    }
  }

  /** Whoever comes meanwhile waits for the same look, which counts its bytes, too. */
  #lookOnce(directory: string, bytes: number): Promise<void> {
    const present = this.#looking.get(directory)
    if (present !== undefined) return present
    const looking = this.#look(directory, bytes).finally(() => this.#looking.delete(directory))
    this.#looking.set(directory, looking)
    return looking
  }

  async #look(directory: string, bytes: number): Promise<void> {
    const space = await this.#files.space(directory)
    if (space === undefined) {
      this.#untilLook = LOOK_EVERY_BYTES
      return
    }
    const room = space.freeBytes - this.#reserve(space) - this.#underWay
    const step = Math.min(MOST_UNSEEN_BYTES, Math.max(LOOK_EVERY_BYTES, Math.floor(room * LOOK_SHARE)))
    this.#untilLook = Math.min(step, Math.max(0, room))
    if (room < 0) throw full(directory, space, bytes)
  }

  giveBack(path: string): void {
    this.#claims.delete(path)
  }

  async #deviceOf(directory: string): Promise<number> {
    const known = this.#devices.get(directory)
    if (known !== undefined) return known
    const device = (await this.#files.stat(directory))?.device
    if (device === undefined) return 0
    if (this.#devices.size >= MOST_DEVICES) this.#devices.clear()
    this.#devices.set(directory, device)
    return device
  }

  #reserve({totalBytes}: Space): number {
    return this.#reserveBytes ?? Math.min(MOST_RESERVE_BYTES, Math.floor(totalBytes * RESERVE_SHARE))
  }
}

function full(directory: string, {freeBytes}: Space, needed: number, others = 0): TransferError {
  const beside = others > 0 ? `, and ${others} of them are meant for others` : ''
  return new TransferError(
    'DISK_FULL',
    `the disk has no room for ${needed} more bytes: ${freeBytes} are free${beside}`,
    {where: directory, details: {needed, free: freeBytes, claimed: others}},
  )
}
