/** What the programs talk to: nginx over files in memory, plain, over TLS and with a rate a connection; and a sink. */

import {execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdir, writeFile} from 'node:fs/promises'
import {connect, createServer} from 'node:net'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'

const TUS_SERVER = fileURLToPath(new URL('./tus-server.mjs', import.meta.url))
const NATIVE = fileURLToPath(new URL('./native/', import.meta.url))

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const {port} = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Until it answers: a server that does not come up within ten seconds does not come up. */
async function untilListening(port) {
  for (const until = Date.now() + 10_000; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch {
      // Not yet.
    } finally {
      socket.destroy()
    }
  }
  throw new Error(`nothing listens on ${port}`)
}

function stopper(child) {
  return async () => {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
}

/** nginx with one worker over `www`. */
export async function startNginx(directory, www) {
  const [plain, tls, capped, slow] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const at = (name) => join(directory, name)
  await mkdir(directory, {recursive: true})
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
      ...['-keyout', at('key.pem'), '-out', at('cert.pem')],
    ],
    {stdio: 'ignore'},
  )
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((each) => `${each}_temp_path ${at(each)};`)
    .join(' ')
  const server = (listen, more = '') => `server { listen 127.0.0.1:${listen}; root ${www}; ${more} }`
  // The worker reads what only we may read.
  const user = process.getuid?.() === 0 ? 'user root; ' : ''
  const configuration = [
    `${user}daemon off; worker_processes 1; pid ${at('pid')}; error_log ${at('error.log')};`,
    'events { worker_connections 4096; }',
    `http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 10000000; ${temporary}`,
    server(plain),
    server(
      `${tls} ssl`,
      `ssl_certificate ${at('cert.pem')}; ssl_certificate_key ${at('key.pem')}; ssl_protocols TLSv1.3;`,
    ),
    server(capped, 'limit_rate 20m;'),
    server(slow, 'limit_rate 512k;'),
    '}',
  ]
  await writeFile(at('nginx.conf'), configuration.join('\n'))
  const child = spawn('nginx', ['-p', directory, '-e', at('error.log'), '-c', at('nginx.conf')], {stdio: 'ignore'})
  for (const port of [plain, tls, capped, slow]) await untilListening(port)
  return {
    plain: `http://127.0.0.1:${plain}`,
    tls: `https://localhost:${tls}`,
    capped: `http://127.0.0.1:${capped}`,
    slow: `http://127.0.0.1:${slow}`,
    certificate: at('cert.pem'),
    stop: stopper(child),
  }
}

/** Builds one of the C programs; `undefined` where there is no compiler. */
export function buildNative(name, directory) {
  const program = join(directory, name)
  try {
    execFileSync('cc', ['-O2', '-o', program, join(NATIVE, `${name}.c`)], {stdio: 'ignore'})
    return program
  } catch {
    return undefined
  }
}

/** Takes uploads and drops them. */
export async function startSink(program) {
  const port = await freePort()
  const child = spawn(program, [String(port)], {stdio: 'ignore'})
  await untilListening(port)
  return {url: `http://127.0.0.1:${port}/file`, stop: stopper(child)}
}

/** The reference server of tus; what it is sent lies in `directory`. */
export async function startTus(directory) {
  const port = await freePort()
  await mkdir(directory, {recursive: true})
  const child = spawn(process.execPath, [TUS_SERVER, String(port), directory], {stdio: ['ignore', 'ignore', 'inherit']})
  await untilListening(port)
  return {url: `http://127.0.0.1:${port}/files`, stop: stopper(child), directory}
}
