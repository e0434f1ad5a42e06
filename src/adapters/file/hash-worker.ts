/**
 * What the hashing thread runs: it reads files as far as it is told that they are written, and answers with their digests.
 * One job is one file and one algorithm; jobs take turns, a few MiB each.
 *
 * Started from the function's own text, so that it is the same from the sources, from the built package and out of a bundle,
 * where a path to a second file would lead nowhere. It must therefore use nothing but its argument.
 */

export type HashOrder =
  | {readonly kind: 'open'; readonly job: number; readonly path: string; readonly algorithm: string}
  /** Bytes before `to` are in the file. */
  | {readonly kind: 'grow'; readonly job: number; readonly to: number}
  /** The file has `size` bytes, and all of them are there. */
  | {readonly kind: 'finish'; readonly job: number; readonly size: number}
  | {readonly kind: 'drop'; readonly job: number}

export type HashAnswer =
  | {readonly job: number; readonly digest: string}
  /** The file cannot be read, or is shorter than was said. */
  | {readonly job: number; readonly failed: string}

export interface HashWorld {
  readonly port: {
    on(event: 'message', listener: (order: HashOrder) => void): unknown
    postMessage(answer: HashAnswer): void
  }
  readonly fs: typeof import('node:fs')
  readonly crypto: typeof import('node:crypto')
}

export function hashWorker({port, fs, crypto}: HashWorld): void {
  // Hashed while they are in the processor's own cache (512 KiB, as a rule): a mebibyte at a time takes half as long again.
  const READ_BYTES = 128 * 1024
  const READS_A_TURN = 64
  const {O_RDONLY, O_NOFOLLOW} = fs.constants

  interface Job {
    readonly path: string
    readonly hash: ReturnType<typeof crypto.createHash>
    fd: number | undefined
    at: number
    to: number
    size: number | undefined
  }

  const jobs = new Map<number, Job>()
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  let isScheduled = false

  const end = (id: number, job: Job): void => {
    jobs.delete(id)
    if (job.fd !== undefined) fs.closeSync(job.fd)
  }

  const advance = (id: number, job: Job): void => {
    try {
      // A symbolic link in its place is not what was written.
      job.fd ??= fs.openSync(job.path, O_RDONLY | O_NOFOLLOW)
      for (let read = 0; read < READS_A_TURN && job.at < job.to; read++) {
        const count = fs.readSync(job.fd, buffer, 0, Math.min(READ_BYTES, job.to - job.at), job.at)
        if (count === 0) throw new Error('the file is shorter than what was written to it')
        job.hash.update(buffer.subarray(0, count))
        job.at += count
      }
      if (job.size === undefined || job.at < job.size) return
      const digest = job.hash.digest('hex')
      end(id, job)
      port.postMessage({job: id, digest})
    } catch (error) {
      end(id, job)
      port.postMessage({job: id, failed: String(error)})
    }
  }

  const turn = (): void => {
    isScheduled = false
    for (const [id, job] of jobs) if (job.at < job.to || job.at === job.size) advance(id, job)
    schedule()
  }

  const schedule = (): void => {
    if (isScheduled || ![...jobs.values()].some((job) => job.at < job.to)) return
    isScheduled = true
    // Orders come in between: a turn is short.
    setImmediate(turn)
  }

  port.on('message', (order) => {
    if (order.kind === 'open') {
      const hash = crypto.createHash(order.algorithm)
      jobs.set(order.job, {path: order.path, hash, fd: undefined, at: 0, to: 0, size: undefined})
      return
    }
    const job = jobs.get(order.job)
    if (job === undefined) return
    if (order.kind === 'drop') {
      end(order.job, job)
      return
    }
    job.to = Math.max(job.to, order.kind === 'grow' ? order.to : order.size)
    if (order.kind === 'finish') {
      job.size = order.size
      if (job.at >= order.size) advance(order.job, job)
    }
    schedule()
  })
}
