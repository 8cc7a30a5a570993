// All tests in one process and with one Chromium: to start both for each file took longer than most tests.
import { readdir } from 'node:fs/promises'

for (const name of (await readdir(import.meta.dirname)).sort()) {
  if (name.endsWith('.test.mjs')) await import(`./${name}`)
}
