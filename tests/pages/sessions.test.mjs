import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { landsOn, visit } from './support/chromium.mjs'
import { enter, part, press, pressAndConfirm, says } from './support/forms.mjs'
import { newUser, signedIn } from './support/people.mjs'
import { site } from './support/sites.mjs'

/** Opens the settings of one user in two browsers. */
async function twoBrowsers() {
  const ada = await newUser(site)
  const other = await visit(browser, site, '/settings', { cookie: await signedIn(site, ada) })
  const page = await visit(browser, site, '/settings', ada)
  return { page, other }
}

/** Returns the text of the sign-in page after a redirect, which must not reveal why. */
async function assertNoReason(page) {
  await landsOn(page, '/login')
  const notice = await page.locator('main .notice').first().textContent()
  assert.match(notice, /^(Your session has ended\. )?Sign in to continue\.$/)
}

async function stops(other) {
  await enter(other, { 'Your name': 'Eve' })
  await press(part(other, 'Profile'), 'Save')
  await assertNoReason(other)
  assert.equal(new URL(other.url()).searchParams.get('why'), 'ended')
  assert.equal(new URL(other.url()).searchParams.get('next'), '/settings')
  await other.goto('/settings')
  await assertNoReason(other)
}

test('revoking another browser signs it out at its next action', async () => {
  const { page, other } = await twoBrowsers()
  const rows = part(page, 'Sessions').getByRole('listitem')
  assert.equal(await rows.count(), 2)
  await press(rows, /^End the session/)
  await says(page, 'Session ended.')
  assert.equal(await rows.count(), 1)
  await stops(other)
  await page.reload()
  assert.equal(await page.getByLabel('Your name').inputValue(), 'Ada')
})

test('signing out everywhere else revokes all other sessions', async () => {
  const { page, other } = await twoBrowsers()
  await pressAndConfirm(part(page, 'Sessions'), 'Sign out everywhere else')
  await says(page, 'All other sessions ended.')
  assert.equal(await part(page, 'Sessions').getByRole('listitem').count(), 1)
  await stops(other)
})

test('current session is marked in the list and has no revoke button', async () => {
  const { page } = await twoBrowsers()
  const own = part(page, 'Sessions').getByRole('listitem').filter({ hasText: 'this device' })
  assert.equal(await own.count(), 1)
  assert.equal(await own.getByRole('button').count(), 0)
})
