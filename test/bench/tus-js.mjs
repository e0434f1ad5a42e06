/** An upload by tus-js-client, as its documentation has it for a file in Node.js. tus-js FILE URL */

import {createReadStream, statSync} from 'node:fs'
import {Upload} from 'tus-js-client'

const [file, endpoint] = process.argv.slice(2)
const upload = new Upload(createReadStream(file), {
  endpoint,
  uploadSize: statSync(file).size,
  onError: (error) => {
    throw error
  },
})
upload.start()
