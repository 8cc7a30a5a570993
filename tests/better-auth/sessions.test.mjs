import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, refused } from './support/outcome.mjs'
import { isSignedIn, newUser, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

/** Signs up a user with two browsers. */
async function twice() {
  const ada = await newUser(plain)
  const other = await signedIn(plain, ada)
  return { ...ada, other }
}

test('list-sessions returns every session, newest first', async () => {
  const { client, token, user, other } = await twice()
  const sessions = accepted(await client.listSessions())
  const current = accepted(await other.client.getSession()).session
  assert.deepEqual(sessions.map(({ id }) => id), [current.id, token])
  for (const session of sessions) {
    assert.equal(session.token, session.id)
    assert.equal(session.userId, user.id)
    for (const date of [session.createdAt, session.updatedAt, session.expiresAt]) {
      assert.ok(date instanceof Date)
    }
  }
})

test('revoke-session revokes only the session with the token', async () => {
  const { client, token, other } = await twice()
  assert.deepEqual(accepted(await other.client.revokeSession({ token })), { status: true })
  assert.equal(await isSignedIn(client), false)
  assert.equal(await isSignedIn(other.client), true)
})

test('revoke-session of the current session clears the cookie', async () => {
  const { browser, client, token } = await newUser(plain)
  accepted(await client.revokeSession({ token }))
  assert.equal(await browser.cookie(), undefined)
})

test('revoke-session with an unknown token succeeds', async () => {
  const { client } = await newUser(plain)
  assert.deepEqual(accepted(await client.revokeSession({ token: 'unknown' })), { status: true })
  assert.equal(await isSignedIn(client), true)
})

test('revoke-session with a token of another user succeeds and revokes nothing', async () => {
  const ada = await newUser(plain)
  const eve = await newUser(plain)
  const { token } = ada
  assert.deepEqual(accepted(await eve.client.revokeSession({ token })), { status: true })
  assert.equal(await isSignedIn(ada.client), true)
})

test('revoke-session without a token returns VALIDATION_ERROR', async () => {
  const { client } = await newUser(plain)
  const answer = await client.revokeSession({ fetchOptions: { method: 'POST' } })
  refused(answer, 400, 'VALIDATION_ERROR')
})

test('revoke-sessions revokes all sessions and clears the cookie', async () => {
  const { browser, client, other } = await twice()
  assert.deepEqual(accepted(await client.revokeSessions()), { status: true })
  assert.equal(await browser.cookie(), undefined)
  assert.equal(await isSignedIn(other.client), false)
})

test('revoke-other-sessions revokes all sessions except the current one', async () => {
  const { client, other } = await twice()
  assert.deepEqual(accepted(await client.revokeOtherSessions()), { status: true })
  assert.equal(await isSignedIn(client), true)
  assert.equal(await isSignedIn(other.client), false)
})
