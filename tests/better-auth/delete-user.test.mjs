import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, pageRefused, refused, sentTo } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, byGet, isSignedIn, newUser, secretOf, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const CALLBACK = '/api/auth/delete-user/callback'
const DELETED = { success: true, message: 'User deleted' }

/** Signs up a user who requests deletion, and returns the mailed link. */
async function asked(options) {
  const ada = await newUser(plain)
  const answer = accepted(await ada.client.deleteUser(options))
  assert.deepEqual(answer, { success: true, message: 'Verification email sent' })
  const mailed = await ada.mailbox.link('/delete-account')
  return { ...ada, mailed, link: byGet(mailed, CALLBACK), token: secretOf(mailed) }
}

async function isGone({ email }) {
  const { client } = new Browser(plain)
  const { error } = await client.signIn.email({ email, password: PASSWORD })
  return error?.code === 'INVALID_EMAIL_OR_PASSWORD'
}

test('delete-user with the correct password deletes the user and all sessions', async () => {
  const ada = await newUser(plain)
  const other = await signedIn(plain, ada)
  assert.deepEqual(accepted(await ada.client.deleteUser({ password: PASSWORD })), DELETED)
  assert.equal(await ada.browser.cookie(), undefined)
  assert.equal(await isSignedIn(other.client), false)
  assert.ok(await isGone(ada))
})

test('sign-up with the email of a deleted user succeeds', async () => {
  const { client, email } = await newUser(plain)
  accepted(await client.deleteUser({ password: PASSWORD }))
  accepted(await client.signUp.email({ name: 'Grace', email, password: OTHER_PASSWORD }))
})

test('delete-user with a wrong password returns INVALID_PASSWORD', async () => {
  const { client } = await newUser(plain)
  refused(await client.deleteUser({ password: OTHER_PASSWORD }), 400, 'INVALID_PASSWORD')
  assert.equal(await isSignedIn(client), true)
})

test('delete-user without a password deletes the user only after the deletion link is opened', async () => {
  const ada = await asked()
  assert.equal(await isSignedIn(ada.client), true)
  assert.equal((await ada.browser.open(ada.mailed)).status, 200)
  assert.equal(await isSignedIn(ada.client), true, 'the page does nothing by itself')
  const { status } = await ada.browser.open(ada.link)
  assert.ok(status < 400)
  assert.equal(await ada.browser.cookie(), undefined)
  assert.ok(await isGone(ada))
})

test('deletion link redirects to the callback URL', async () => {
  const ada = await asked({ callbackURL: '/goodbye' })
  sentTo(await ada.browser.open(ada.link), `${plain.url}/goodbye`)
  assert.ok(await isGone(ada))
})

test('deletion link without a callback URL returns the message User deleted', async () => {
  const { client, token } = await asked()
  assert.deepEqual(accepted(await client.deleteUser.callback({ query: { token } })), DELETED)
})

test('delete-user with the mailed token deletes the user', async () => {
  const ada = await asked()
  assert.deepEqual(accepted(await ada.client.deleteUser({ token: ada.token })), DELETED)
  assert.ok(await isGone(ada))
})

test('deletion link without a session redirects to sign in, and the API call returns 401', async () => {
  const ada = await asked()
  const visitor = new Browser(plain)
  const login = new URL('/login', plain.url)
  login.searchParams.set('next', ada.link.pathname + ada.link.search)
  sentTo(await visitor.open(ada.link), login.href)
  const followed = await visitor.client.deleteUser.callback({ query: { token: ada.token } })
  refused(followed, 401, 'UNAUTHORIZED')
  assert.equal(await isSignedIn(ada.client), true)
})

test('deletion token of another user returns 404', async () => {
  const ada = await asked()
  const eve = await newUser(plain)
  refused(await eve.client.deleteUser({ token: ada.token }), 404, 'INVALID_TOKEN')
  await pageRefused(await eve.browser.open(ada.link), 404, 'INVALID_TOKEN')
  for (const { client } of [ada, eve]) assert.equal(await isSignedIn(client), true)
})

test('delete-user with an email verification token returns INVALID_TOKEN', async () => {
  const { client, mailbox } = await newUser(plain)
  const token = secretOf(await mailbox.link('/verify-email'))
  refused(await client.deleteUser({ token }), 404, 'INVALID_TOKEN')
  accepted(await client.verifyEmail({ query: { token } }))
})

test('delete-user with an unknown token returns 404', async () => {
  const { browser, client } = await newUser(plain)
  refused(await client.deleteUser({ token: 'unknown' }), 404, 'INVALID_TOKEN')
  await pageRefused(await browser.open(`${CALLBACK}?token=unknown`), 404, 'INVALID_TOKEN')
  assert.equal(await isSignedIn(client), true)
})

test('delete-user with an untrusted callback URL returns INVALID_CALLBACK_URL', async () => {
  const ada = await asked()
  const callbackURL = 'https://foreign.example/'
  refused(await ada.client.deleteUser({ callbackURL }), 403, 'INVALID_CALLBACK_URL')
  ada.link.searchParams.set('callbackURL', callbackURL)
  await pageRefused(await ada.browser.open(ada.link), 403, 'INVALID_CALLBACK_URL')
  assert.equal(await isSignedIn(ada.client), true)
})
