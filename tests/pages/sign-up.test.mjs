import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { cookieOf, landsOn, visit } from './support/chromium.mjs'
import { enter, part, press, says, signInOn } from './support/forms.mjs'
import { mailedLink } from './support/mailbox.mjs'
import { PASSWORD, ask, isLetIn, uniqueEmail, newUser } from './support/people.mjs'
import { site } from './support/sites.mjs'

test('new user signs up, confirms the email, signs out, and signs in to the requested page', async () => {
  const email = uniqueEmail()
  const page = await visit(browser, site, '/settings')
  assert.equal(page.url(), `${site.url}/login?next=%2Fsettings`)
  await page.getByRole('link', { name: 'Create an account' }).click()
  await enter(page, { 'Your name': 'Ada', 'Email': email, Password: PASSWORD })
  await press(page, 'Create account')
  await landsOn(page, '/settings')
  assert.ok(await part(page, 'Email').getByText('not confirmed').isVisible())

  await page.goto(await mailedLink(site, email, '/verify-email'))
  await press(page, 'Confirm email')
  await page.getByRole('heading', { name: 'Your email is confirmed' }).waitFor()
  assert.equal(page.url(), `${site.url}/verify-email`, 'the secret has left the address')
  await page.goto('/settings')
  assert.ok(await part(page, 'Email').getByText('confirmed', { exact: true }).isVisible())

  await press(page, 'Sign out')
  await page.getByText('You are signed out.').waitFor()
  assert.equal(await cookieOf(page), undefined)

  await page.goto('/login?next=/settings%23email')
  await signInOn(page, { email, password: PASSWORD })
  await page.waitForURL(`${site.url}/settings#email`)
})

test('opening a confirmation link in a mail scanner with scripts does not confirm the email', async () => {
  const ada = await newUser(site)
  const link = await mailedLink(site, ada.email, '/verify-email')
  const scanner = await visit(browser, site, link)
  await scanner.getByRole('button', { name: 'Confirm email' }).waitFor()
  await scanner.waitForLoadState('networkidle')
  await scanner.reload()
  await scanner.getByRole('heading', { name: 'This link is incomplete' }).waitFor()
  const page = await visit(browser, site, '/settings', ada)
  assert.ok(await part(page, 'Email').getByText('not confirmed').isVisible())

  // The link verifies the email, also after another browser has followed it.
  for (const options of [ada, {}]) {
    const reader = await visit(browser, site, link, options)
    await press(reader, 'Confirm email')
    await reader.getByRole('heading', { name: 'Your email is confirmed' }).waitFor()
  }
  await page.reload()
  assert.ok(await part(page, 'Email').getByText('confirmed', { exact: true }).isVisible())
})

test('confirming an email redirects to the callback URL of the sign-up', async () => {
  const email = uniqueEmail()
  const body = { name: 'Ada', email, password: PASSWORD, callbackURL: '/dashboard?welcome' }
  await ask(site, '/api/auth/sign-up/email', { body })
  const page = await visit(browser, site, await mailedLink(site, email, '/verify-email'))
  await press(page, 'Confirm email')
  await page.waitForURL(`${site.url}/dashboard?welcome`)
})

test('invalid confirmation link shows an error and offers a new one', async () => {
  const page = await visit(browser, site, '/verify-email#token=unknown')
  await press(page, 'Confirm email')
  await page.getByRole('alert').filter({ hasText: 'This link is invalid or has been used' }).waitFor()
  await page.getByRole('link', { name: 'Request a new link' }).click()
  await page.getByRole('heading', { name: 'This link does not work' }).waitFor()
})

test('mailed deletion link deletes the account only after sign-in and confirmation', async () => {
  const ada = await newUser(site)
  await ask(site, '/api/auth/delete-user', { cookie: ada.cookie, body: {} })
  const link = await mailedLink(site, ada.email, '/delete-account')
  const stranger = await visit(browser, site, link)
  await stranger.getByText('Sign in to the account first').waitFor()
  const page = await visit(browser, site, link, ada)
  await page.getByText(`The account of ${ada.email}`).waitFor()
  assert.equal(await isLetIn(site, ada.email, PASSWORD), true, 'opening it does nothing')
  await press(page, 'Delete account')
  await page.getByText('Your account and everything in it were deleted').waitFor()
  assert.equal(await isLetIn(site, ada.email, PASSWORD), false)
})

test('failed confirmation through the API leads to a form that sends a new link', async () => {
  const ada = await newUser(site)
  await mailedLink(site, ada.email, '/verify-email')
  const page = await visit(browser, site, '/api/auth/verify-email?token=wrong&callbackURL=/verify-email')
  await page.getByRole('heading', { name: 'This link does not work' }).waitFor()
  await enter(page, { 'Email': ada.email })
  await press(page, 'Send a new link')
  await page.getByText(`If ${ada.email} is not confirmed yet, a link is on its way.`).waitFor()
})

test('signed-in user with an unconfirmed email requests another link', async () => {
  const page = await visit(browser, site, '/dashboard', await newUser(site))
  await press(page, 'Send another link')
  await says(page, 'Another link is on its way.')
})

test('sign-up with an email in use shows an error at the email field', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/signup')
  await enter(page, { 'Your name': 'Eve', 'Email': ada.email, Password: PASSWORD })
  await press(page, 'Create account')
  await page.locator('#email-error').filter({ hasText: 'This email is already in use' }).waitFor()
  assert.ok(await page.getByLabel('Email').evaluate((field) => field === document.activeElement))
})
