/**
 * undici's client by itself. The package's front door loads fetch, WebSocket and caches with it, a tenth of a second and ten
 * MiB of every start, of which nothing is used here. The package is pinned; test/http/connections.alone.test.ts holds the two equal.
 */
declare module 'undici/lib/dispatcher/client.js' {
  import {Client} from 'undici'

  export default Client
}
