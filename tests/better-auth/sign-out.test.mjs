import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted } from './support/outcome.mjs'
import { isSignedIn, newcomer, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

test('signing out ends the session and removes the cookie', async () => {
  const { browser, client } = await newcomer(plain)
  const cookie = await browser.cookie()
  assert.deepEqual(accepted(await client.signOut()), { success: true })
  assert.equal(await browser.cookie(), undefined)

  const thief = new Browser(plain)
  await thief.jar.setCookie(cookie, plain.url)
  assert.equal(await isSignedIn(thief.client), false)
})

test('signing out leaves other browsers signed in', async () => {
  const ada = await newcomer(plain)
  const other = await signedIn(plain, ada)
  accepted(await ada.client.signOut())
  assert.equal(await isSignedIn(other.client), true)
})

test('signing out twice is no error', async () => {
  const { client } = new Browser(plain)
  assert.deepEqual(accepted(await client.signOut()), { success: true })
})
