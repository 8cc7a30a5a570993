import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { open, visit } from './support/chromium.mjs'
import { enter, part, press, says, signInOn } from './support/forms.mjs'
import { OTHER_PASSWORD, PASSWORD, newUser } from './support/people.mjs'
import { site } from './support/sites.mjs'

const ada = await newUser(site)

const hasFocus = (locator) => locator.evaluate((element) => element === document.activeElement)

/** Returns the visible texts that describe a field. */
const describedBy = (field) =>
  field.evaluate((field) => {
    const ids = field.getAttribute('aria-describedby').split(' ')
    return ids.map((id) => document.getElementById(id)).filter((text) => !text.hidden).map((text) => text.textContent)
  })

test('sign-in with a wrong password shows an error above the form and keeps the input', async () => {
  const page = await visit(browser, site, '/login')
  await signInOn(page, { email: ada.email, password: OTHER_PASSWORD })
  const summary = page.getByRole('alert').filter({ hasText: 'The email or the password is wrong.' })
  await summary.waitFor()
  assert.ok(await hasFocus(summary))
  assert.equal(await page.locator('[aria-invalid]').count(), 0, 'it is not said which')
  assert.equal(await page.getByLabel('Email').inputValue(), ada.email)
  assert.equal(await page.getByLabel('Password', { exact: true }).inputValue(), OTHER_PASSWORD)
})

test('field error is associated with its field and focuses it', async () => {
  const page = await visit(browser, site, '/settings', ada)
  await enter(page, { 'Current password': OTHER_PASSWORD, 'New password': 'correct horse 2' })
  await press(page, 'Change password')
  await page.getByText('The password is wrong.').waitFor()
  const field = page.getByLabel('Current password')
  assert.ok(await hasFocus(field))
  assert.equal(await field.getAttribute('aria-invalid'), 'true')
  assert.deepEqual(await describedBy(field), ['The password is wrong.'])
  assert.equal(await page.locator('[aria-invalid]').count(), 1)
  assert.equal(await page.getByText('The password is wrong.').count(), 1, 'it is said once')
  assert.equal(await field.inputValue(), OTHER_PASSWORD)
  assert.equal(await page.getByLabel('New password').inputValue(), 'correct horse 2')
})

test('resubmitting a form clears its previous errors', async () => {
  const page = await visit(browser, site, '/settings', await newUser(site))
  const form = part(page, 'Password')
  const field = page.getByLabel('New password')
  await enter(page, { 'Current password': PASSWORD, 'New password': 'password123' })
  await press(page, 'Change password')
  const error = form.getByText('This password is too common')
  await error.waitFor()
  assert.equal(await field.getAttribute('aria-invalid'), 'true')

  let goOn
  const held = new Promise((resolve) => (goOn = resolve))
  await page.route('**/api/auth/change-password', async (route) => {
    await held
    await route.continue()
  })
  await enter(page, { 'Current password': OTHER_PASSWORD, 'New password': 'a much longer one' })
  const asked = page.waitForRequest('**/api/auth/change-password')
  await press(page, 'Change password')
  await asked
  assert.equal(await error.isVisible(), false, 'while the answer is awaited')
  assert.equal(await page.locator('[aria-invalid]').count(), 0)
  assert.equal(await form.locator('form').getAttribute('aria-busy'), 'true')
  goOn()
  await form.getByText('The password is wrong.').waitFor()
  assert.equal(await field.getAttribute('aria-invalid'), null)
})

test('several field errors are each shown once, with a linked summary in field order', async () => {
  const page = await visit(browser, site, '/signup')
  await enter(page, { 'Your name': ' ', 'Email': 'ada@example', Password: PASSWORD })
  await press(page, 'Create account')
  const summary = page.locator('main').getByRole('alert')
  await summary.waitFor()
  assert.ok(await hasFocus(summary))
  assert.deepEqual(await summary.getByRole('listitem').allTextContents(), ['Check Your name', 'Check Email'])
  const messages = ['must be 1 to 100 characters on one line', 'Invalid email address: the part after @ needs a dot']
  assert.deepEqual(await page.locator('.error:visible').allTextContents(), messages)
  await summary.getByRole('link').last().click()
  assert.ok(await hasFocus(page.getByLabel('Email')))
})

test('empty or malformed field gets the focus without a request being sent', async () => {
  const page = await visit(browser, site, '/signup')
  let sent = 0
  // The browser may fetch the page's icon at any time.
  page.on('request', (request) => (sent += request.method() === 'GET' ? 0 : 1))
  await enter(page, { 'Your name': 'Ada', 'Email': 'ada', Password: PASSWORD })
  for (const [field, value] of [['Email', 'ada@example.com'], ['Password', PASSWORD], ['Your name', 'Ada']]) {
    await press(page, 'Create account')
    assert.ok(await hasFocus(page.getByLabel(field, { exact: true })), field)
    assert.equal(sent, 0)
    await enter(page, { [field]: value, ...(field === 'Email' && { Password: '' }), ...(field === 'Password' && { 'Your name': '' }) })
  }
})

test('pressing the submit button twice sends the form once', async () => {
  const page = await visit(browser, site, '/settings/tokens', await newUser(site))
  let sent = 0
  let goOn
  const held = new Promise((resolve) => (goOn = resolve))
  await page.route('**/api/tokens', async (route) => {
    sent += 1
    await held
    await route.continue()
  })
  await enter(page, { Name: 'once' })
  await press(page, 'Create')
  await press(page, 'Create')
  goOn()
  await page.locator('#created').waitFor()
  assert.equal(sent, 1)
})

test('form keeps its values while the server is unreachable, and can be resubmitted', async () => {
  const page = await visit(browser, site, '/login')
  await page.route('**/api/**', (route) => route.abort())
  await signInOn(page, ada)
  await page.getByRole('alert').filter({ hasText: 'Nothing is lost. Try again.' }).waitFor()
  await page.unroute('**/api/**')
  await press(page.locator('main'), 'Sign in')
  await page.getByRole('heading', { name: 'Hello, Ada' }).waitFor()
})

test('error and warning messages have a different background from success messages', async () => {
  const look = (locator) => locator.evaluate((element) => getComputedStyle(element).backgroundColor)
  const page = await visit(browser, site, '/settings', await newUser(site))
  const toast = page.locator('.toast')
  await press(part(page, 'Profile'), 'Save')
  await says(page, 'Profile saved.')
  const success = await look(toast)
  await page.route('**/api/auth/sign-out', (route) => route.abort())
  await press(page, 'Sign out')
  await says(page, 'The server cannot be reached.')
  assert.notEqual(await look(toast), success)

  const notice = async (why) => look((await visit(browser, site, `/login?why=${why}`)).locator('.notice').first())
  assert.notEqual(await notice('ended'), await notice('reset'))
})

test('rate-limited page reloads itself after the retry delay', async () => {
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
  await page.getByRole('heading', { name: 'Page not found' }).waitFor()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
})
