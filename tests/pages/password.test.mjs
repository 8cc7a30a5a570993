import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { landsOn, visit } from './support/chromium.mjs'
import { enter, part, press, says, signInOn } from './support/forms.mjs'
import { mailedLink } from './support/mailbox.mjs'
import { OTHER_PASSWORD, PASSWORD, isLetIn, uniqueEmail, newUser, signedIn } from './support/people.mjs'
import { site } from './support/sites.mjs'

test('mailed password reset link sets a new password only once', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/login')
  await page.getByRole('link', { name: 'Forgot your password?' }).click()
  await enter(page, { 'Email': ada.email })
  await press(page, 'Send the link')
  await page.getByText(`If ${ada.email} has an account here, a link is on its way.`).waitFor()

  const link = await mailedLink(site, ada.email, '/reset-password')
  const late = await visit(browser, site, link)
  await page.goto(link)
  assert.equal(page.url(), `${site.url}/reset-password`, 'the secret has left the address')
  await enter(page, { 'New password': OTHER_PASSWORD })
  await press(page, 'Set password')
  await page.getByText('Password set. Sign in with it.').waitFor()
  await signInOn(page, { email: ada.email, password: OTHER_PASSWORD })
  await landsOn(page, '/dashboard')
  assert.equal(await isLetIn(site, ada.email, PASSWORD), false)

  await enter(late, { 'New password': PASSWORD })
  await press(late, 'Set password')
  await late.getByRole('alert').filter({ hasText: 'This link has been used or has expired' }).waitFor()
  assert.equal(await isLetIn(site, ada.email, PASSWORD), false)
})

test('password reset for an unknown email shows the same message', async () => {
  const page = await visit(browser, site, '/forgot-password')
  const email = uniqueEmail()
  await enter(page, { 'Email': email })
  await press(page, 'Send the link')
  await page.getByText(`If ${email} has an account here, a link is on its way.`).waitFor()
})

test('incomplete password reset link shows an error instead of the form', async () => {
  const page = await visit(browser, site, '/reset-password')
  await page.getByText('This link is incomplete').waitFor()
  assert.equal(await page.getByLabel('New password').isVisible(), false)
})

test('changing the password signs out other browsers', async () => {
  const ada = await newUser(site)
  const other = await visit(browser, site, '/settings', { cookie: await signedIn(site, ada) })
  const page = await visit(browser, site, '/settings', ada)
  await enter(page, { 'Current password': PASSWORD, 'New password': OTHER_PASSWORD })
  await press(page, 'Change password')
  await says(page, 'Password changed.')
  assert.equal(await page.getByLabel('Current password').inputValue(), '')
  assert.equal(await isLetIn(site, ada.email, PASSWORD), false)
  assert.equal(await isLetIn(site, ada.email, OTHER_PASSWORD), true)
  await other.reload()
  await landsOn(other, '/login')
})

test('changing the password keeps other browsers signed in if requested', async () => {
  const ada = await newUser(site)
  const other = await visit(browser, site, '/settings', { cookie: await signedIn(site, ada) })
  const page = await visit(browser, site, '/settings', ada)
  await enter(page, { 'Current password': PASSWORD, 'New password': OTHER_PASSWORD })
  await part(page, 'Password').getByLabel('Sign out on all other devices').uncheck()
  await press(page, 'Change password')
  await says(page, 'Password changed.')
  await other.reload()
  assert.ok(await other.getByRole('heading', { name: 'Settings', exact: true }).isVisible())
})
