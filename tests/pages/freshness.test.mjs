import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { landsOn, visit } from './support/chromium.mjs'
import { enter, part, press, pressAndConfirm, says } from './support/forms.mjs'
import { mailedLink } from './support/mailbox.mjs'
import { OTHER_PASSWORD, uniqueEmail, newUser } from './support/people.mjs'
import { stale } from './support/sites.mjs'

const asks = (page) => page.getByRole('dialog', { name: 'Confirm your password' })

test('action that requires a fresh session asks for the password and then continues', async () => {
  const email = uniqueEmail()
  const page = await visit(browser, stale, '/settings', { cookie: stale.dozer })
  await enter(page, { 'New email': email })
  await press(page, 'Change email')
  await asks(page).waitFor()
  await press(asks(page), 'Cancel')
  await asks(page).waitFor({ state: 'hidden' })
  assert.equal(await page.getByLabel('New email').inputValue(), email, 'what was typed stays')

  await press(page, 'Change email')
  await enter(asks(page), { Password: OTHER_PASSWORD })
  await press(asks(page), 'Go on')
  await asks(page).getByText('The password is wrong.').waitFor()
  await enter(asks(page), { Password: stale.password })
  await press(asks(page), 'Go on')
  await page.getByText(`You requested a change to ${email}.`).waitFor()
  await mailedLink(stale, email, '/verify-email')
})

test('confirmed admin action with a stale session asks for the password and then continues', async () => {
  const ada = await newUser(stale)
  const page = await visit(browser, stale, `/admin/users/${ada.id}`, { cookie: stale.admin })
  await pressAndConfirm(page, 'Deactivate')
  await enter(asks(page), { Password: stale.password })
  await press(asks(page), 'Go on')
  await says(page, 'Ada is deactivated.')
  assert.ok(await part(page, 'Access').getByRole('button', { name: 'Reactivate' }).isVisible())
})

test('dialog that asks for the password leads to another sign-in, and from there back', async () => {
  const page = await visit(browser, stale, '/settings', { cookie: stale.sleeper })
  await enter(page, { 'New email': uniqueEmail() })
  await press(page, 'Change email')
  await asks(page).getByRole('link', { name: 'Sign in again another way' }).click()
  await landsOn(page, '/login')
  await page.getByText('Sign in again to make this change.').waitFor()
  assert.equal(new URL(page.url()).searchParams.get('next'), '/settings')
})

test('dialog offers the linked provider, which is asked to sign the user in again', async () => {
  const page = await visit(browser, stale, '/settings?x=y', { cookie: stale.linked })
  const asked = []
  await page.route(/\/authorize\?/, (route) => {
    asked.push(new URL(route.request().url()).searchParams)
    return route.fulfill({ contentType: 'text/html', body: '<title>Company</title><h1>Company asks who you are</h1>' })
  })
  await enter(page, { 'New email': uniqueEmail() })
  await press(page, 'Change email')
  assert.equal(await asks(page).getByRole('button', { name: /GitHub/ }).count(), 0)
  const body = page.waitForRequest('**/api/auth/verify-social').then((request) => request.postDataJSON())
  await press(asks(page), 'Sign in again with Company')
  await page.getByText('Company asks who you are').waitFor()
  assert.equal((await body).callbackURL, '/settings?x=y', 'the user comes back to the same page')
  assert.deepEqual([asked[0].get('max_age'), asked[0].get('prompt')], ['0', 'login'])
})

test('dialog offers no provider with which the user has no account', async () => {
  const page = await visit(browser, stale, '/settings', { cookie: stale.sleeper })
  await enter(page, { 'New email': uniqueEmail() })
  await press(page, 'Change email')
  await asks(page).waitFor()
  await page.waitForLoadState('networkidle')
  assert.equal(await asks(page).getByRole('button', { name: 'Sign in again with Company' }).isVisible(), false)
})

test('account is linked at the provider by the button in the settings', async () => {
  const page = await visit(browser, stale, '/settings', { cookie: stale.sleeper })
  const url = 'https://id.example.com/authorize'
  await page.route('**/api/auth/link-social', (route) => route.fulfill({ json: { url, redirect: true } }))
  await page.route(url, (route) => route.fulfill({ contentType: 'text/html', body: '<h1>Company asks who you are</h1>' }))
  await press(page, 'Link Company')
  await page.getByText('Company asks who you are').waitFor()
})
