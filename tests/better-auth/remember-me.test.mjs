import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, uniqueEmail, newUser, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const DAY = 24 * 60 * 60 * 1000

async function life(client) {
  const { session } = accepted(await client.getSession())
  return session.expiresAt - session.createdAt
}

test('sign-in sets a 30-day cookie for a session that expires after 7 days', async () => {
  const browser = await signedIn(plain, await newUser(plain))
  assert.equal((await browser.cookie()).maxAge, 30 * 24 * 60 * 60)
  assert.equal(await life(browser.client), 7 * DAY)
})

test('session cookie is HttpOnly, SameSite=Lax and host-only', async () => {
  const { browser } = await newUser(plain)
  const { httpOnly, sameSite, path, hostOnly } = await browser.cookie()
  assert.deepEqual(
    { httpOnly, sameSite, path, hostOnly },
    { httpOnly: true, sameSite: 'lax', path: '/', hostOnly: true },
  )
})

test('sign-in with rememberMe false sets a non-persistent cookie and a one-day session', async () => {
  const { email } = await newUser(plain)
  const browser = new Browser(plain)
  accepted(await browser.client.signIn.email({ email, password: PASSWORD, rememberMe: false }))
  assert.equal((await browser.cookie()).isPersistent(), false)
  assert.equal(await life(browser.client), DAY)
})

test('sign-up with rememberMe false sets a non-persistent cookie and a one-day session', async () => {
  const browser = new Browser(plain)
  const ada = { name: 'Ada', email: uniqueEmail(), password: PASSWORD }
  accepted(await browser.client.signUp.email({ ...ada, rememberMe: false }))
  assert.equal((await browser.cookie()).isPersistent(), false)
  assert.equal(await life(browser.client), DAY)
})

test('change-password keeps rememberMe false for the new session', async () => {
  const { email } = await newUser(plain)
  const browser = new Browser(plain)
  accepted(await browser.client.signIn.email({ email, password: PASSWORD, rememberMe: false }))
  const passwords = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD }
  accepted(await browser.client.changePassword(passwords))
  assert.equal((await browser.cookie()).isPersistent(), false)
  assert.equal(await life(browser.client), DAY)
})
