import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Authenticator } from '../better-auth/support/authenticator.mjs'
import { browser } from './support/browser.mjs'
import { landsOn, visit } from './support/chromium.mjs'
import { enter, part, press, says, signInOn } from './support/forms.mjs'
import { enableTwoFactor, newUser } from './support/people.mjs'
import { site } from './support/sites.mjs'

test('two-factor settings turn it on with a QR code or a key, and show recovery codes once', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/settings/two-factor', ada)
  await enter(page, { 'Your password': ada.password })
  await press(page, 'Set up')
  await page.getByRole('img', { name: 'QR code for your authenticator app' }).waitFor()
  const key = (await page.locator('#totp-secret').textContent()).replaceAll(' ', '')
  const app = new Authenticator(`otpauth://totp/x?secret=${key}`)
  const form = part(page, 'Add this account to your app')
  await enter(form, { Code: '12345' })
  await press(form, 'Turn on')
  await form.getByText('This code is wrong, or was used before.').waitFor()
  await enter(form, { Code: app.code(ada.createdAt) })
  await press(form, 'Turn on')
  await says(page, 'Two-factor authentication is on.')
  const recovery = part(page, 'Recovery codes')
  await enter(recovery, { 'Your password': ada.password })
  await press(recovery, 'Create recovery codes')
  await page.locator('#new-codes').waitFor()
  const codes = (await page.locator('#new-codes-list').textContent()).split('\n')
  assert.equal(codes.length, 10)
  await page.reload()
  assert.equal((await page.content()).includes(codes[0]), false)
})

test('sign-in page leads to the second step, where a code leads on', async () => {
  const ada = await newUser(site)
  const { app } = await enableTwoFactor(site, ada)
  const page = await visit(browser, site, '/login?next=/settings')
  await signInOn(page, ada)
  await landsOn(page, '/two-factor')
  await enter(page, { Code: app.code(ada.createdAt, 1) })
  await page.getByLabel('Do not ask again on this device for 30 days').check()
  await press(page, 'Sign in')
  await landsOn(page, '/settings')

  // The device is trusted, until it is removed.
  await press(page, 'Sign out')
  await landsOn(page, '/login')
  await signInOn(page, ada)
  await landsOn(page, '/dashboard')
  await page.goto('/settings/two-factor')
  await part(page, 'Trusted devices').getByRole('button', { name: /^Remove/ }).click()
  await page.getByText('There are no trusted devices.').waitFor()
})

test('recovery code is accepted on the second step of a sign-in', async () => {
  const ada = await newUser(site)
  const { codes } = await enableTwoFactor(site, ada)
  const page = await visit(browser, site, '/login')
  await signInOn(page, ada)
  await landsOn(page, '/two-factor')
  await page.getByText('Use a recovery code').click()
  await enter(page, { 'Recovery code': 'aaaaa-aaaaa' })
  await press(page, 'Sign in with the recovery code')
  await page.getByText('This recovery code is wrong, or was used before.').waitFor()
  await enter(page, { 'Recovery code': codes[0].toUpperCase() })
  await press(page, 'Sign in with the recovery code')
  await landsOn(page, '/dashboard')
})

test('two-factor settings turn it off with a code', async () => {
  const ada = await newUser(site)
  const { cookie, codes } = await enableTwoFactor(site, ada)
  const page = await visit(browser, site, '/settings/two-factor', { cookie })
  const off = part(page, 'Turn it off')
  await enter(off, { 'Your password': ada.password, Code: codes[1] })
  await press(off, 'Turn off')
  await says(page, 'Two-factor authentication is off.')
})

test('second step without a sign-in leads back to the sign-in page', async () => {
  const page = await visit(browser, site, '/two-factor')
  await page.getByText('This sign-in has ended.').waitFor()
  await page.getByRole('link', { name: 'Back to sign-in' }).click()
  await landsOn(page, '/login')
})
