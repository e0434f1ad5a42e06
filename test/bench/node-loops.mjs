/**
 * What Node.js reaches at best: programs of nothing but the calls that the work of a row cannot do without. No records, no
 * durability, no second try, one kind of answer. Between them and `bgt` lies what the engine costs; behind them lies nobody.
 *
 *   node-loops receive URL FILE            one connection
 *   node-loops ranges COUNT BYTES URL FILE a share of the file on each of COUNT connections
 *   node-loops digest ALGORITHM URL FILE   hashed by a second thread, which reads what was written
 *   node-loops send FILE URL
 *   node-loops list COUNT DIRECTORY        URLs from standard input, COUNT at once; each by another name first
 */

import {createHash} from 'node:crypto'
import {closeSync, fstatSync, openSync, readFileSync, readSync, renameSync, writeSync} from 'node:fs'
import {connect} from 'node:net'
import {basename, join} from 'node:path'
import {isMainThread, parentPort, Worker, workerData} from 'node:worker_threads'

const MIB = 1024 * 1024
/** What is read of a file at once: it stays in a processor's own cache until it is sent, or hashed. */
const PIECE = 96 * 1024
/** Written bytes that are worth telling another thread of. */
const TOLD = 4 * MIB
const HEAD_END = Buffer.from('\r\n\r\n')

/** A connection that is asked for one file after the other; `onBytes` gets each body as it comes. */
function open({hostname, port}, memory) {
  let onBytes = () => {}
  let done = () => {}
  /** Bytes of the body that are still to come; undefined before there is a head. */
  let left
  const socket = connect({
    host: hostname,
    port: Number(port),
    onread: {
      buffer: memory,
      callback(count, bytes) {
        let at = 0
        if (left === undefined) {
          // The head comes in one piece from a server on loopback.
          const end = bytes.subarray(0, count).indexOf(HEAD_END)
          const head = bytes.latin1Slice(0, end + 2)
          assertDone(head)
          left = Number(/\r\nContent-Length: (\d+)/.exec(head)[1])
          at = end + HEAD_END.length
        }
        left -= count - at
        if (count > at) onBytes(bytes.subarray(at, count))
        if (left === 0) done()
        return true
      },
    },
  })
  socket.setNoDelay(true)
  socket.on('end', endedEarly)
  return {
    fetch: ({pathname, host}, range, take) =>
      new Promise((resolve) => {
        left = undefined
        onBytes = take
        done = resolve
        socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n${range}\r\n`)
      }),
    end: () => socket.destroy(),
  }
}

/** Thrown out of a callback, it ends the process, and a second thread with it. */
function assertDone(head) {
  if (!/^HTTP\/1.1 2\d\d /.test(head)) throw new Error(`answered ${head.split('\r\n')[0]}`)
}

function endedEarly() {
  throw new Error('the server ended the connection')
}

async function receive(url, file, wrote = () => {}) {
  const fd = openSync(file, 'w')
  const connection = open(url, Buffer.allocUnsafeSlow(MIB))
  let at = 0
  await connection.fetch(url, '', (bytes) => {
    at += writeSync(fd, bytes, 0, bytes.length, at)
    wrote(at)
  })
  connection.end()
  closeSync(fd)
}

async function ranges(count, bytes, url, file) {
  const fd = openSync(file, 'w')
  const memory = Buffer.allocUnsafeSlow(MIB)
  const share = Math.ceil(bytes / count)
  const fetchShare = async (from) => {
    const connection = open(url, memory)
    let at = from
    await connection.fetch(url, `Range: bytes=${from}-${Math.min(from + share, bytes) - 1}\r\n`, (piece) => {
      at += writeSync(fd, piece, 0, piece.length, at)
    })
    connection.end()
  }
  await Promise.all(Array.from({length: count}, (_, n) => fetchShare(n * share)))
  closeSync(fd)
}

async function digest(algorithm, url, file) {
  const worker = new Worker(new URL(import.meta.url), {workerData: {algorithm, file}})
  let told = 0
  await receive(url, file, (at) => {
    if (at - told < TOLD) return
    told = at
    worker.postMessage(at)
  })
  const hex = await new Promise((resolve) => {
    worker.on('message', resolve)
    worker.postMessage('end')
  })
  console.log(hex)
  await worker.terminate()
}

function hash({algorithm, file}) {
  const digest = createHash(algorithm)
  const memory = Buffer.allocUnsafeSlow(PIECE)
  let fd
  let at = 0
  parentPort.on('message', (end) => {
    fd ??= openSync(file, 'r')
    for (let count = 1; count > 0 && at < (end === 'end' ? Number.POSITIVE_INFINITY : end); at += count) {
      count = readSync(fd, memory, 0, PIECE, at)
      digest.update(memory.subarray(0, count))
    }
    if (end === 'end') parentPort.postMessage(digest.digest('hex'))
  })
}

async function send(file, {hostname, port, pathname, host}) {
  const fd = openSync(file, 'r')
  const memory = Buffer.allocUnsafeSlow(PIECE)
  const socket = connect({host: hostname, port: Number(port)})
  socket.on('end', endedEarly)
  const answered = new Promise((resolve) => {
    socket.once('data', (head) => {
      assertDone(head.latin1Slice())
      resolve()
    })
  })
  const length = fstatSync(fd).size
  socket.write(`PUT ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${length}\r\n\r\n`)
  for (let at = 0; at < length; ) {
    const count = readSync(fd, memory, 0, PIECE, at)
    at += count
    await new Promise((resolve) => socket.write(memory.subarray(0, count), resolve))
  }
  await answered
  socket.destroy()
}

async function list(count, directory, urls) {
  let next = 0
  const work = async () => {
    const memory = Buffer.allocUnsafeSlow(PIECE)
    const connection = open(urls[0], memory)
    while (next < urls.length) {
      const url = urls[next++]
      const pieces = []
      await connection.fetch(url, '', (bytes) => pieces.push(Buffer.from(bytes)))
      const file = join(directory, basename(url.pathname))
      const fd = openSync(`${file}.part`, 'wx')
      for (const piece of pieces) writeSync(fd, piece)
      closeSync(fd)
      renameSync(`${file}.part`, file)
    }
    connection.end()
  }
  await Promise.all(Array.from({length: count}, work))
}

if (!isMainThread) hash(workerData)
else {
  const [work, ...args] = process.argv.slice(2)
  if (work === 'receive') await receive(new URL(args[0]), args[1])
  else if (work === 'ranges') await ranges(Number(args[0]), Number(args[1]), new URL(args[2]), args[3])
  else if (work === 'digest') await digest(args[0], new URL(args[1]), args[2])
  else if (work === 'send') await send(args[0], new URL(args[1]))
  else {
    const urls = readFileSync(0, 'utf8').trim().split('\n')
    await list(
      Number(args[0]),
      args[1],
      urls.map((url) => new URL(url)),
    )
  }
}
