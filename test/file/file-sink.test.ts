/** The sink's contract over the real file system, and over the disk in memory. */

import {chmodSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createFileSink} from '../../src/adapters/file/file-sink.ts'
import {MemorySink} from '../support/memory-sink.ts'
import {type Durability, describeFileSink, type SinkBench} from './file-sink.contract.ts'

describeFileSink('the file sink', realBench)
describeFileSink('the sink in memory', memoryBench)

function realBench(durability: Durability): SinkBench {
  const directory = mkdtempSync(join(tmpdir(), 'file-sink-'))
  chmodSync(directory, 0o755)
  const at = (name: string) => join(directory, name)
  const there = (name: string) => lstatSync(at(name), {throwIfNoEntry: false})
  return {
    sink: createFileSink({durability, mode: 0o644}),
    directory,
    names: () => readdirSync(directory).sort(),
    read: (name) => (there(name) === undefined ? undefined : readFileSync(at(name))),
    write: (name, bytes) => writeFileSync(at(name), bytes),
    remove: (name) => unlinkSync(at(name)),
    mode: (name) => {
      const stats = there(name)
      return stats === undefined ? undefined : stats.mode & 0o777
    },
    dispose: () => rmSync(directory, {recursive: true}),
  }
}

function memoryBench(durability: Durability): SinkBench {
  const directory = '/downloads'
  const memory = new MemorySink({durability, directories: [directory]})
  const at = (name: string) => join(directory, name)
  return {
    sink: memory.sink,
    directory,
    names: () => memory.disk.names(directory),
    read: (name) => memory.disk.readFile(at(name)),
    write: (name, bytes) => memory.disk.writeFile(at(name), bytes),
    remove: (name) => memory.disk.removeFile(at(name)),
    mode: (name) => memory.disk.mode(at(name)),
    dispose: () => undefined,
  }
}
