import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted } from './support/outcome.mjs'
import { newcomer } from './support/people.mjs'
import { plain } from './support/servers.mjs'

test('whoever signed up with a password has the account of a password', async () => {
  const { client, user } = await newcomer(plain)
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
