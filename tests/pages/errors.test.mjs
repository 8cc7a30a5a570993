import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserOfThisFile, open, visit } from './support/chromium.mjs'
import { enter, part, press, signInOn } from './support/forms.mjs'
import { OTHER_PASSWORD, PASSWORD, newcomer } from './support/people.mjs'
import { site } from './support/sites.mjs'

const browser = await browserOfThisFile()
const ada = await newcomer(site)

const hasFocus = (locator) => locator.evaluate((element) => element === document.activeElement)

/** What a field is described by, of that which is seen. */
const describedBy = (field) =>
  field.evaluate((field) => {
    const ids = field.getAttribute('aria-describedby').split(' ')
    return ids.map((id) => document.getElementById(id)).filter((text) => !text.hidden).map((text) => text.textContent)
  })

test('a wrong password is said above the form, names no field, and what was typed stays', async () => {
  const page = await visit(browser, site, '/login')
  await signInOn(page, { email: ada.email, password: OTHER_PASSWORD })
  const summary = page.getByRole('alert').filter({ hasText: 'The address or the password is wrong.' })
  await summary.waitFor()
  assert.ok(await hasFocus(summary))
  assert.equal(await page.locator('[aria-invalid]').count(), 0, 'it is not said which')
  assert.equal(await page.getByLabel('E-mail address').inputValue(), ada.email)
  assert.equal(await page.getByLabel('Password', { exact: true }).inputValue(), OTHER_PASSWORD)
})

test('what is wrong with a field is tied to it', async () => {
  const page = await visit(browser, site, '/settings', ada)
  await enter(page, { 'Present password': OTHER_PASSWORD, 'New password': 'correct horse 2' })
  await press(page, 'Change the password')
  const form = part(page, 'Password')
  const summary = form.getByRole('alert').filter({ hasText: 'This is not the password.' })
  await summary.waitFor()
  assert.ok(await hasFocus(summary))
  const field = page.getByLabel('Present password')
  assert.equal(await field.getAttribute('aria-invalid'), 'true')
  assert.deepEqual(await describedBy(field), ['This is not the password.'])
  assert.equal(await page.locator('[aria-invalid]').count(), 1)
  await summary.getByRole('link').click()
  assert.ok(await hasFocus(field))
  assert.equal(await field.inputValue(), OTHER_PASSWORD)
  assert.equal(await page.getByLabel('New password').inputValue(), 'correct horse 2')
})

test('errors vanish with the next try', async () => {
  const page = await visit(browser, site, '/settings', await newcomer(site))
  const form = part(page, 'Password')
  const field = page.getByLabel('New password')
  await enter(page, { 'Present password': PASSWORD, 'New password': 'short' })
  await press(page, 'Change the password')
  await form.getByRole('alert').waitFor()
  assert.equal(await field.getAttribute('aria-invalid'), 'true')
  assert.ok((await describedBy(field)).includes('A password has at least 8 characters.'))

  let goOn
  const held = new Promise((resolve) => (goOn = resolve))
  await page.route('**/api/auth/change-password', async (route) => {
    await held
    await route.continue()
  })
  await enter(page, { 'Present password': OTHER_PASSWORD, 'New password': 'a much longer one' })
  const asked = page.waitForRequest('**/api/auth/change-password')
  await press(page, 'Change the password')
  await asked
  assert.equal(await form.getByRole('alert').isVisible(), false, 'while the answer is awaited')
  assert.equal(await page.locator('[aria-invalid]').count(), 0)
  assert.equal(await form.locator('form').getAttribute('aria-busy'), 'true')
  goOn()
  await form.getByRole('alert').filter({ hasText: 'This is not the password.' }).waitFor()
  assert.equal(await field.getAttribute('aria-invalid'), null)
})

test('several fields are named one by one', async () => {
  const page = await visit(browser, site, '/settings', ada)
  await press(page, 'Make the token')
  const summary = part(page, 'API tokens').getByRole('alert')
  await summary.waitFor()
  assert.match(await summary.textContent(), /^What it is for: /)
  assert.equal(await page.getByLabel('What it is for').getAttribute('aria-invalid'), 'true')
})

test('a form is sent once, however often its button is pressed', async () => {
  const page = await visit(browser, site, '/settings', await newcomer(site))
  let sent = 0
  let goOn
  const held = new Promise((resolve) => (goOn = resolve))
  await page.route('**/api/tokens', async (route) => {
    sent += 1
    await held
    await route.continue()
  })
  await enter(page, { 'What it is for': 'once' })
  await press(page, 'Make the token')
  await press(page, 'Make the token')
  goOn()
  await page.locator('#made').waitFor()
  assert.equal(sent, 1)
})

test('a server that cannot be reached loses nothing', async () => {
  const page = await visit(browser, site, '/login')
  await page.route('**/api/**', (route) => route.abort())
  await signInOn(page, ada)
  await page.getByRole('alert').filter({ hasText: 'Nothing is lost: try again.' }).waitFor()
  await page.unroute('**/api/**')
  await press(page.locator('main'), 'Sign in')
  await page.getByRole('heading', { name: 'Hello, Ada' }).waitFor()
})

test('a page that was asked for too often loads itself again', async () => {
  const context = await open(browser, site)
  const page = await context.newPage()
  let refused = false
  await page.route('**/login', async (route) => {
    if (refused) return route.continue()
    refused = true
    const response = await route.fetch({ url: `${site.url}/nothing` })
    const body = (await response.text()).replace('<body ', '<body data-retry-after="1" ')
    await route.fulfill({ response, body })
  })
  await page.goto('/login')
  await page.getByRole('heading', { name: 'There is nothing here' }).waitFor()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
})
