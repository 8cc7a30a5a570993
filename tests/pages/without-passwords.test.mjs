import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { landsOn, visit } from './support/chromium.mjs'
import { enter, press } from './support/forms.mjs'
import { mailedLink } from './support/mailbox.mjs'
import { assertSound } from './support/measure.mjs'
import { uniqueEmail } from './support/people.mjs'
import { passwordless } from './support/sites.mjs'

const pathOf = (link) => link.slice(new URL(link).origin.length)

/** Opens a page, on which every error of its script fails the test. */
async function opened(path, options) {
  const page = await visit(browser, passwordless, 'about:blank', options)
  page.on('pageerror', (error) => assert.fail(error))
  await page.goto(path)
  await assertSound(page)
  assert.equal(await page.locator('[type=password]').count(), 0)
  return page
}

test('first admin is created without a password where passwords are off', async () => {
  const page = await opened(passwordless.setup)
  await page.getByText('There are no passwords here').waitFor()
  await enter(page, { 'Your name': 'Grace', Email: 'grace@example.com' })
  await press(page, 'Create admin account')
  await landsOn(page, '/admin')
  await page.getByText('grace@example.com').waitFor()
})

test('change that needs a recent sign-in leads to another one, and from there back, where passwords are off', async () => {
  const { cookie, email } = passwordless.sleeper
  const page = await opened('/settings', { cookie })
  assert.equal(await page.getByRole('link', { name: 'Password', exact: true }).count(), 0)
  await enter(page, { 'New email': uniqueEmail() })
  await press(page, 'Change email')
  const dialog = page.getByRole('dialog', { name: 'Confirm that it is you' })
  await press(dialog, 'Cancel')
  await dialog.waitFor({ state: 'hidden' })
  await press(page, 'Change email')
  await dialog.getByRole('link', { name: 'Sign in again' }).click()
  await landsOn(page, '/login')
  await assertSound(page)
  const earlier = await mailedLink(passwordless, email, '/magic-link')
  await page.getByRole('link', { name: 'Email me a link' }).click()
  await enter(page, { Email: email })
  await press(page, 'Email me a link')
  await page.getByRole('heading', { name: 'Check your email' }).waitFor()
  await page.goto(pathOf(await mailedLink(passwordless, email, '/magic-link', [earlier])))
  await press(page, 'Sign in')
  await landsOn(page, '/settings')
  const wanted = uniqueEmail()
  await enter(page, { 'New email': wanted })
  await press(page, 'Change email')
  await page.getByText(`You requested a change to ${wanted}.`).waitFor()
})

test('suspended access is restored by a button on the page of another link where passwords are off', async () => {
  const page = await opened(passwordless.suspension)
  await press(page, 'Suspend access')
  await page.getByText('a link that restores access is on its way').waitFor()
  const link = await mailedLink(passwordless, passwordless.owner, '/restore-access')
  await page.goto(pathOf(link))
  await assertSound(page)
  assert.equal(page.url(), `${passwordless.url}/restore-access`, 'the token has left the address')
  await press(page, 'Restore access')
  await landsOn(page, '/settings')
  await page.getByText(passwordless.owner).waitFor()
})
