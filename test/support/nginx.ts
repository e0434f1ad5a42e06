/** nginx for tests: a server of its own, with everything in a temporary directory. Its tests are left out where it is missing. */

import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {connect} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {vi} from 'vitest'
import {unusedPort} from './unused-port.ts'

const NGINX = 'nginx'

export function hasNginx(): boolean {
  try {
    execFileSync(NGINX, ['-v'], {stdio: 'ignore'})
    return true
  } catch {
    return false
  }
}

export interface Nginx {
  readonly origin: string
  /** Ends the server once it has answered all; status and body bytes of each request. */
  requests(): Promise<readonly {readonly status: number; readonly bytes: number}[]>
  close(): Promise<void>
}

/** `location`: what nginx does with the files below `root`. */
export async function startNginx(root: string, location: string): Promise<Nginx> {
  const home = await mkdtemp(join(tmpdir(), 'nginx-'))
  const port = await unusedPort()
  const log = join(home, 'access.log')
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${home}/${name};`,
  )
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  await writeFile(
    join(home, 'nginx.conf'),
    `${user} daemon off; worker_processes 1; pid ${home}/nginx.pid; error_log ${home}/error.log;
    events {}
    http {
      ${scratch.join(' ')}
      log_format bytes '$status $body_bytes_sent';
      access_log ${log} bytes;
      sendfile on;
      server { listen 127.0.0.1:${port}; location / { root ${root}; ${location} } }
    }`,
  )
  const process_ = spawn(NGINX, ['-p', home, '-c', join(home, 'nginx.conf'), '-e', join(home, 'error.log')], {
    stdio: 'ignore',
  })
  await vi.waitFor(() => reach(port), {timeout: 10_000})
  return {
    origin: `http://127.0.0.1:${port}`,
    requests: async () => {
      await end(process_, 'SIGQUIT')
      const lines = (await readFile(log, 'utf8')).trim().split('\n')
      return lines.map((line) => {
        const [status, bytes] = line.split(' ').map(Number)
        return {status: status ?? 0, bytes: bytes ?? 0}
      })
    },
    close: async () => {
      await end(process_)
      await rm(home, {recursive: true, force: true})
    },
  }
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGQUIT' = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

async function reach(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
  } finally {
    socket.destroy()
  }
}
