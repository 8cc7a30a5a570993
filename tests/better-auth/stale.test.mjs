import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { Mailbox } from './support/mailbox.mjs'
import { accepted, refused, sentTo } from './support/outcome.mjs'
import { byGet, uniqueEmail, secretOf, signedIn } from './support/people.mjs'
import { stale } from './support/servers.mjs'

const HOUR = 60 * 60 * 1000

/** A browser that was left open for 25 hours. */
async function leftOpen() {
  const browser = new Browser(stale)
  await browser.jar.setCookie(stale.cookie, stale.url)
  return browser
}

async function expiredLink() {
  return new Mailbox(stale, stale.email).link('/verify-email')
}

// Each test before the last leaves the session as it is; the last makes it fresh again.

test('requests extend the expiry of a session once a day without a new cookie', async () => {
  const browser = await leftOpen()
  const cookie = (await browser.cookie()).toString()
  const query = { disableRefresh: true }
  const { session: before, user } = accepted(await browser.client.getSession({ query }))
  assert.equal(user.email, stale.email)
  assert.equal(before.expiresAt - before.createdAt, 7 * 24 * HOUR)

  const sessions = accepted(await browser.client.listSessions())
  assert.ok(sessions.some(({ id }) => id === before.id))
  const { session: moved } = accepted(await browser.client.getSession())
  assert.ok(moved.expiresAt - before.expiresAt > 24 * HOUR)
  assert.equal((await browser.cookie()).toString(), cookie, 'the cookie is not sent again')

  const { session: again } = accepted(await browser.client.getSession())
  assert.deepEqual(again.expiresAt, moved.expiresAt)
})

test('change-email with a non-fresh session returns SESSION_NOT_FRESH', async () => {
  const { client } = await leftOpen()
  refused(await client.changeEmail({ newEmail: uniqueEmail() }), 403, 'SESSION_NOT_FRESH')
})

test('delete-user with a non-fresh session and no password returns SESSION_EXPIRED', async () => {
  const { client } = await leftOpen()
  refused(await client.deleteUser(), 400, 'SESSION_EXPIRED')
  assert.notEqual(accepted(await client.getSession()), null)
})

test('verify-email with an expired token returns TOKEN_EXPIRED', async () => {
  const token = secretOf(await expiredLink())
  refused(await new Browser(stale).client.verifyEmail({ query: { token } }), 401, 'TOKEN_EXPIRED')
})

test('expired verification link redirects to the callback URL with error TOKEN_EXPIRED', async () => {
  const link = byGet(await expiredLink())
  link.searchParams.set('callbackURL', '/welcome')
  sentTo(await new Browser(stale).open(link), `${stale.url}/welcome?error=TOKEN_EXPIRED`)
})

test('sign-in creates a fresh session', async () => {
  const { client } = await signedIn(stale, stale)
  accepted(await client.changeEmail({ newEmail: uniqueEmail() }))
})

test('verify-password makes the session fresh', async () => {
  const { client } = await leftOpen()
  accepted(await client.verifyPassword({ password: stale.password }))
  accepted(await client.changeEmail({ newEmail: uniqueEmail() }))
})
