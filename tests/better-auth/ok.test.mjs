import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted } from './support/outcome.mjs'
import { plain } from './support/servers.mjs'

test('ok endpoint returns ok true', async () => {
  assert.deepEqual(accepted(await new Browser(plain).client.ok()), { ok: true })
})
