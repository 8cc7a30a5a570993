import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { cookieOf, landsOn, visit } from './support/chromium.mjs'
import { enter, part, press, pressAndConfirm, says } from './support/forms.mjs'
import { mailedLink } from './support/mailbox.mjs'
import { makeToken, newUser, signedIn, withToken } from './support/people.mjs'
import { site } from './support/sites.mjs'

const admin = await signedIn(site, site.admin)

/** Signs up a user with an open browser and a token in use, and opens the page on which an admin sees them. */
async function userWithToken() {
  const ada = await newUser(site)
  const token = await makeToken(site, ada.cookie, { name: 'in use' })
  assert.equal((await withToken(site, token)).status, 200)
  const theirs = await visit(browser, site, '/settings', ada)
  const page = await visit(browser, site, `/admin?search=${ada.email}`, { cookie: admin })
  await page.getByRole('link', { name: 'Ada' }).click()
  await page.getByRole('heading', { name: 'Ada', level: 1 }).waitFor()
  return { theirs, token, page }
}

async function assertSignedOut({ theirs, token }) {
  assert.equal((await withToken(site, token)).status, 401)
  await enter(theirs, { 'Your name': 'Eve' })
  await press(part(theirs, 'Profile'), 'Save')
  await landsOn(theirs, '/login')
  assert.equal(new URL(theirs.url()).searchParams.get('why'), 'ended')
  await isOnSignInPage(theirs)
}

async function isOnSignInPage(theirs) {
  await theirs.goto('/settings')
  assert.equal(theirs.url(), `${site.url}/login?next=%2Fsettings`)
}

test('deactivated user is signed out with the next request, and reactivation restores access', async () => {
  const ada = await userWithToken()
  const cookie = await cookieOf(ada.theirs)
  await pressAndConfirm(ada.page, 'Deactivate')
  await says(ada.page, 'Ada is deactivated.')
  await assertSignedOut(ada)
  assert.equal(await cookieOf(ada.theirs), cookie, 'the cookie is not touched')

  await press(ada.page, 'Reactivate')
  await says(ada.page, 'Ada is active again.')
  await ada.theirs.goto('/settings')
  assert.equal(await ada.theirs.getByLabel('Your name').inputValue(), 'Ada', 'nothing was changed')
  assert.equal((await withToken(site, ada.token)).status, 200)
})

test('user deactivated with permanent revocation must sign in again after reactivation', async () => {
  const ada = await userWithToken()
  await press(ada.page, 'Deactivate')
  await ada.page.getByLabel('Also revoke sessions, tokens and mailed links permanently').check()
  await press(ada.page.getByRole('dialog'), 'Deactivate')
  await says(ada.page, 'Ada is deactivated.')
  await assertSignedOut(ada)
  await press(ada.page, 'Reactivate')
  await says(ada.page, 'Ada is active again.')
  assert.equal((await withToken(site, ada.token)).status, 401)
  await isOnSignInPage(ada.theirs)
})

test('deactivation dialog lists its effects, closes on Escape, and returns the focus', async () => {
  const { page } = await userWithToken()
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
  assert.equal(await permanently.isChecked(), false, 'the box is unchecked again')
})

test('admin revokes a single session of a user', async () => {
  const { theirs, token, page } = await userWithToken()
  await pressAndConfirm(part(page, 'Sessions'), 'End the session of node', 'End the session')
  await says(page, 'Session ended.')
  await isOnSignInPage(theirs)
  assert.equal((await withToken(site, token)).status, 200)
  assert.ok(await part(page, 'Sessions').getByText('No active sessions.').isVisible())
})

test('admin sends a password reset link to a user', async () => {
  const { page } = await userWithToken()
  const email = new URL((await page.goBack()).url()).searchParams.get('search')
  await page.goForward()
  await press(part(page, 'Mail'), 'Send a password reset')
  await says(page, 'An email to Ada is on its way.')
  await mailedLink(site, email, '/reset-password')
})
