import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, refused } from './support/outcome.mjs'
import { isSignedIn, newcomer, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

/** Signs up a user with two browsers. */
async function twice() {
  const ada = await newcomer(plain)
  const other = await signedIn(plain, ada)
  return { ...ada, other }
}

test('every session is listed, the newest first', async () => {
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

test('a session is ended by its token', async () => {
  const { client, token, other } = await twice()
  assert.deepEqual(accepted(await other.client.revokeSession({ token })), { status: true })
  assert.equal(await isSignedIn(client), false)
  assert.equal(await isSignedIn(other.client), true)
})

test('ending the own session removes the cookie', async () => {
  const { browser, client, token } = await newcomer(plain)
  accepted(await client.revokeSession({ token }))
  assert.equal(await browser.cookie(), undefined)
})

test('ending a session that is not there is no error', async () => {
  const { client } = await newcomer(plain)
  assert.deepEqual(accepted(await client.revokeSession({ token: 'unknown' })), { status: true })
  assert.equal(await isSignedIn(client), true)
})

test('nobody ends the session of somebody else', async () => {
  const ada = await newcomer(plain)
  const eve = await newcomer(plain)
  const { token } = ada
  assert.deepEqual(accepted(await eve.client.revokeSession({ token })), { status: true })
  assert.equal(await isSignedIn(ada.client), true)
})

test('which session to end must be said', async () => {
  const { client } = await newcomer(plain)
  const answer = await client.revokeSession({ fetchOptions: { method: 'POST' } })
  refused(answer, 400, 'VALIDATION_ERROR')
})

test('all sessions are ended at once', async () => {
  const { browser, client, other } = await twice()
  assert.deepEqual(accepted(await client.revokeSessions()), { status: true })
  assert.equal(await browser.cookie(), undefined)
  assert.equal(await isSignedIn(other.client), false)
})

test('all other sessions are ended at once', async () => {
  const { client, other } = await twice()
  assert.deepEqual(accepted(await client.revokeOtherSessions()), { status: true })
  assert.equal(await isSignedIn(client), true)
  assert.equal(await isSignedIn(other.client), false)
})
