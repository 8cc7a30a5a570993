// Runs all tests in one process with one Chromium: starting both for each file took longer than most tests.
import { readdir } from 'node:fs/promises'

for (const name of (await readdir(import.meta.dirname)).sort()) {
  if (name.endsWith('.test.mjs')) await import(`./${name}`)
}
