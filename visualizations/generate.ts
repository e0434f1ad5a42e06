/** `npm run charts`: draws every machine anew into visualizations/, and removes pictures of machines that are gone. */

import {readdir, rm, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {loadMachines} from './machines.ts'
import {draw, isPicture} from './pictures.ts'

/** npm runs scripts in the package's folder; this file runs from where it was compiled to. */
const folder = join(process.cwd(), 'visualizations')

for (const file of (await readdir(folder)).filter(isPicture)) await rm(join(folder, file))
for (const machine of await loadMachines()) {
  for (const {file, content} of await draw(machine)) {
    await writeFile(join(folder, file), content)
    console.log(`visualizations/${file}`)
  }
}
