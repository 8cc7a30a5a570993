import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted } from './support/outcome.mjs'
import { newUser } from './support/people.mjs'
import { plain } from './support/servers.mjs'

test('list-accounts after sign-up with a password returns one credential account', async () => {
  const { client, user } = await newUser(plain)
  const accounts = accepted(await client.listAccounts())
  assert.equal(accounts.length, 1)
  const { id, createdAt, updatedAt, ...rest } = accounts[0]
  assert.deepEqual(rest, {
    providerId: 'credential',
    accountId: user.id,
    userId: user.id,
    scopes: [],
  })
  assert.equal(typeof id, 'string')
  assert.ok(createdAt instanceof Date)
  assert.ok(updatedAt instanceof Date)
})
