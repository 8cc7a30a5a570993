import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted } from './support/outcome.mjs'
import { isSignedIn, newUser, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

test('sign-out revokes the session and clears the cookie', async () => {
  const { browser, client } = await newUser(plain)
  const cookie = await browser.cookie()
  assert.deepEqual(accepted(await client.signOut()), { success: true })
  assert.equal(await browser.cookie(), undefined)

  const thief = new Browser(plain)
  await thief.jar.setCookie(cookie, plain.url)
  assert.equal(await isSignedIn(thief.client), false)
})

test('sign-out keeps the sessions of other browsers', async () => {
  const ada = await newUser(plain)
  const other = await signedIn(plain, ada)
  accepted(await ada.client.signOut())
  assert.equal(await isSignedIn(other.client), true)
})

test('sign-out without a session succeeds', async () => {
  const { client } = new Browser(plain)
  assert.deepEqual(accepted(await client.signOut()), { success: true })
})
