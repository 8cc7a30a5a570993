import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, newAddress, newcomer, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const DAY = 24 * 60 * 60 * 1000

async function life(client) {
  const { session } = accepted(await client.getSession())
  return session.expiresAt - session.createdAt
}

test('a browser keeps the cookie for as long as a session can live, and its row decides', async () => {
  const browser = await signedIn(plain, await newcomer(plain))
  assert.equal((await browser.cookie()).maxAge, 30 * 24 * 60 * 60)
  assert.equal(await life(browser.client), 7 * DAY)
})

test('a browser keeps the cookie from scripts and other sites', async () => {
  const { browser } = await newcomer(plain)
  const { httpOnly, sameSite, path, hostOnly } = await browser.cookie()
  assert.deepEqual(
    { httpOnly, sameSite, path, hostOnly },
    { httpOnly: true, sameSite: 'lax', path: '/', hostOnly: true },
  )
})

test('signing in not to be remembered lasts until the browser closes, or a day', async () => {
  const { email } = await newcomer(plain)
  const browser = new Browser(plain)
  accepted(await browser.client.signIn.email({ email, password: PASSWORD, rememberMe: false }))
  assert.equal((await browser.cookie()).isPersistent(), false)
  assert.equal(await life(browser.client), DAY)
})

test('signing up not to be remembered lasts until the browser closes, or a day', async () => {
  const browser = new Browser(plain)
  const ada = { name: 'Ada', email: newAddress(), password: PASSWORD }
  accepted(await browser.client.signUp.email({ ...ada, rememberMe: false }))
  assert.equal((await browser.cookie()).isPersistent(), false)
  assert.equal(await life(browser.client), DAY)
})

test('a session that is not to be remembered is not by a change of password', async () => {
  const { email } = await newcomer(plain)
  const browser = new Browser(plain)
  accepted(await browser.client.signIn.email({ email, password: PASSWORD, rememberMe: false }))
  const passwords = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD }
  accepted(await browser.client.changePassword(passwords))
  assert.equal((await browser.cookie()).isPersistent(), false)
  assert.equal(await life(browser.client), DAY)
})
