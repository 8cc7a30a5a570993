import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { cookieOf, landsOn, visit } from './support/chromium.mjs'
import { enter, part, press, pressAndConfirm, says } from './support/forms.mjs'
import { mailedLink } from './support/mailbox.mjs'
import { makeToken, newcomer, signedIn, withToken } from './support/people.mjs'
import { site } from './support/sites.mjs'

const admin = await signedIn(site, site.admin)

/** Signs up a user with an open browser and a token in use, and opens the page on which an admin sees them. */
async function somebody() {
  const ada = await newcomer(site)
  const token = await makeToken(site, ada.cookie, { name: 'in use' })
  assert.equal((await withToken(site, token)).status, 200)
  const theirs = await visit(browser, site, '/settings', ada)
  const page = await visit(browser, site, `/admin?search=${ada.email}`, { cookie: admin })
  await page.getByRole('link', { name: 'Ada' }).click()
  await page.getByRole('heading', { name: 'Ada', level: 1 }).waitFor()
  return { theirs, token, page }
}

async function bothAreStopped({ theirs, token }) {
  assert.equal((await withToken(site, token)).status, 401)
  await enter(theirs, { 'Your name': 'Eve' })
  await press(part(theirs, 'Profile'), 'Save')
  await landsOn(theirs, '/login')
  assert.equal(new URL(theirs.url()).searchParams.get('why'), 'ended')
  await isAtTheDoor(theirs)
}

async function isAtTheDoor(theirs) {
  await theirs.goto('/settings')
  assert.equal(theirs.url(), `${site.url}/login?next=%2Fsettings`)
}

test('who is locked out stops with the next request, and goes on where it was not for good', async () => {
  const ada = await somebody()
  const cookie = await cookieOf(ada.theirs)
  await pressAndConfirm(ada.page, 'Deactivate')
  await says(ada.page, 'Ada is deactivated.')
  await bothAreStopped(ada)
  assert.equal(await cookieOf(ada.theirs), cookie, 'the cookie is not touched')

  await press(ada.page, 'Reactivate')
  await says(ada.page, 'Ada is active again.')
  await ada.theirs.goto('/settings')
  assert.equal(await ada.theirs.getByLabel('Your name').inputValue(), 'Ada', 'nothing was changed')
  assert.equal((await withToken(site, ada.token)).status, 200)
})

test('who was locked out for good has to sign in again', async () => {
  const ada = await somebody()
  await press(ada.page, 'Deactivate')
  await ada.page.getByLabel('Also revoke sessions, tokens and mailed links permanently').check()
  await press(ada.page.getByRole('dialog'), 'Deactivate')
  await says(ada.page, 'Ada is deactivated.')
  await bothAreStopped(ada)
  await press(ada.page, 'Reactivate')
  await says(ada.page, 'Ada is active again.')
  assert.equal((await withToken(site, ada.token)).status, 401)
  await isAtTheDoor(ada.theirs)
})

test('the dialog says what stops, is left with Escape, and gives the focus back', async () => {
  const { page } = await somebody()
  const opener = page.getByRole('button', { name: 'Deactivate', exact: true })
  await opener.focus()
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Deactivate Ada?' })
  await dialog.getByText('1 session: signed out in every browser').waitFor()
  assert.ok(await dialog.getByText('1 API token: scripts that use them are refused').isVisible())
  const permanently = dialog.getByRole('checkbox')
  assert.equal(await permanently.isChecked(), false)
  const focused = () => page.evaluate(() => document.activeElement.textContent.trim())
  assert.equal(await focused(), 'Cancel', 'what Enter would press changes nothing')
  await permanently.check()
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  assert.equal(await focused(), 'Deactivate')
  await page.keyboard.press('Enter')
  assert.equal(await permanently.isChecked(), false, 'it is asked anew')
})

test('an admin ends one session of a user', async () => {
  const { theirs, token, page } = await somebody()
  await pressAndConfirm(part(page, 'Sessions'), 'End the session of node', 'End the session')
  await says(page, 'Session ended.')
  await isAtTheDoor(theirs)
  assert.equal((await withToken(site, token)).status, 200)
  assert.ok(await part(page, 'Sessions').getByText('No active sessions.').isVisible())
})

test('an admin sends a password reset again', async () => {
  const { page } = await somebody()
  const email = new URL((await page.goBack()).url()).searchParams.get('search')
  await page.goForward()
  await press(part(page, 'Mail'), 'Send a password reset')
  await says(page, 'An email to Ada is on its way.')
  await mailedLink(site, email, '/reset-password')
})
