import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { landsOn, visit } from './support/chromium.mjs'
import { enter, press } from './support/forms.mjs'
import { mailedLink } from './support/mailbox.mjs'
import { newUser, uniqueEmail } from './support/people.mjs'
import { site } from './support/sites.mjs'

test('mailed sign-in link signs in after the button is pressed, and leads to the requested page', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/login?next=/settings/tokens')
  await page.getByRole('link', { name: 'Email me a link instead' }).click()
  await enter(page, { 'Email': ada.email })
  await press(page, 'Email me a link')
  await page.getByText(`If ${ada.email} can sign in here, a link is on its way.`).waitFor()

  await page.goto(await mailedLink(site, ada.email, '/magic-link'))
  assert.equal(page.url().includes('token='), false, 'the secret has left the address')
  await press(page, 'Sign in')
  await landsOn(page, '/settings/tokens')
})

test('mailed sign-in link of an unknown email creates the account', async () => {
  const email = uniqueEmail()
  const page = await visit(browser, site, '/magic-link')
  await enter(page, { 'Email': email })
  await press(page, 'Email me a link')
  await page.getByText(`If ${email} can sign in here`).waitFor()
  await page.goto(await mailedLink(site, email, '/magic-link'))
  await press(page, 'Sign in')
  await landsOn(page, '/dashboard')
})

test('used sign-in link shows an error and a way to request another', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/magic-link')
  await enter(page, { 'Email': ada.email })
  await press(page, 'Email me a link')
  await page.getByText('a link is on its way').waitFor()
  const link = await mailedLink(site, ada.email, '/magic-link')
  const late = await visit(browser, site, link)
  await page.goto(link)
  await press(page, 'Sign in')
  await landsOn(page, '/dashboard')
  await press(late, 'Sign in')
  await late.getByRole('alert').filter({ hasText: 'This link is invalid or has been used' }).waitFor()
  await late.getByRole('link', { name: 'Request a new link' }).waitFor()
})
