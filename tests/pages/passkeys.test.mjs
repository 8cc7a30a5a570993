import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { landsOn, visit } from './support/chromium.mjs'
import { enter, part, press, pressAndConfirm, says, signInOn } from './support/forms.mjs'
import { addAuthenticator } from './support/passkeys.mjs'
import { newUser, signedIn } from './support/people.mjs'
import { site, stale } from './support/sites.mjs'

const rows = (page) => part(page, 'Your passkeys').getByRole('listitem')

/** Opens the settings of a user, in a browser that has an authenticator, and adds a passkey. */
async function withPasskey(user, { where = site } = {}) {
  const page = await visit(browser, where, '/settings/passkeys', user)
  const authenticator = await addAuthenticator(page)
  await press(page, 'Add a passkey')
  await says(page, 'Passkey added.')
  await authenticator.react(false)
  return { page, authenticator }
}

test('passkey is added in the settings with the name of the browser, renamed and removed', async () => {
  const { page, authenticator } = await withPasskey(await newUser(site))
  await rows(page).getByText(/^(Chrome|HeadlessChrome|Chromium)/).waitFor()
  await page.getByText('Rename').click()
  await enter(page, { 'New name': 'My laptop' })
  await press(page, 'Save')
  await says(page, 'Passkey renamed.')
  await rows(page).getByText('My laptop').waitFor()
  assert.equal((await authenticator.credentials()).length, 1)
  await pressAndConfirm(page, 'Remove the passkey My laptop', 'Remove')
  await says(page, 'Passkey removed.')
  await page.getByText('You have no passkeys.').waitFor()
})

test('device that has a passkey for the account creates no second one', async () => {
  const { page, authenticator } = await withPasskey(await newUser(site))
  await authenticator.react(true)
  await press(page, 'Add a passkey')
  await page.getByText('This device has a passkey for your account already.').waitFor()
  assert.equal(await rows(page).count(), 1)
})

test('sign-in page signs in with a passkey by its button', async () => {
  const { page, authenticator } = await withPasskey(await newUser(site))
  await authenticator.suggestNothing()
  await press(page, 'Sign out')
  await landsOn(page, '/login')
  await page.goto('/login?next=/settings/passkeys')
  await authenticator.react(true)
  await press(page, 'Sign in with a passkey')
  await landsOn(page, '/settings/passkeys')
  await rows(page).getByText('last used').waitFor()
})

test('sign-in page suggests passkeys in the field for the email', async () => {
  const { page, authenticator } = await withPasskey(await newUser(site))
  await press(page, 'Sign out')
  await landsOn(page, '/login')
  assert.equal(await page.getByLabel('Email').getAttribute('autocomplete'), 'username webauthn')
  // The virtual authenticator stands for the user's choice among the suggestions: of the next page, not of this one.
  await page.goto('/health/live')
  await authenticator.react(true)
  await page.goto('/login')
  await landsOn(page, '/dashboard')
})

test('dialog that asks for the password again also takes a passkey', async () => {
  const ada = await newUser(stale)
  const { page, authenticator } = await withPasskey(ada, { where: stale })
  const json = { code: 'SESSION_NOT_FRESH', message: 'The session is not fresh.' }
  const notFresh = (route) => route.fulfill({ status: 403, json })
  await page.route('**/api/auth/passkey/delete-passkey', notFresh, { times: 1 })
  await rows(page).getByRole('button', { name: /^Remove/ }).click()
  await press(page.getByRole('dialog'), 'Remove')
  const dialog = page.getByRole('dialog', { name: 'Confirm your password' })
  await authenticator.react(true)
  await press(dialog, 'Use a passkey')
  await says(page, 'Passkey removed.')
})

test('passkey is offered once after a sign-in with a password on a device that can keep one', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/forgot-password')
  await addAuthenticator(page)
  const offer = page.getByRole('region', { name: 'Passkeys' })
  await page.goto('/login')
  await signInOn(page, ada)
  await landsOn(page, '/dashboard')
  await offer.waitFor()
  await press(offer, 'Not now')
  await offer.waitFor({ state: 'hidden' })
  await press(page, 'Sign out')
  await landsOn(page, '/login')
  await signInOn(page, ada)
  await landsOn(page, '/dashboard')
  await page.waitForLoadState('networkidle')
  assert.equal(await offer.isVisible(), false)
})

test('page at another host than the domain of passkeys names the domain', async () => {
  const ada = await newUser(site)
  const { port } = new URL(site.url)
  const there = { ...site, url: `http://127.0.0.1:${port}` }
  const page = await visit(browser, there, '/settings/passkeys', { cookie: await signedIn(site, ada) })
  await press(page, 'Add a passkey')
  await page.getByText('Passkeys of this site work at localhost, not at 127.0.0.1.').waitFor()
})
