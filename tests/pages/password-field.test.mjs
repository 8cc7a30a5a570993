import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { visit } from './support/chromium.mjs'
import { part } from './support/forms.mjs'
import { PASSWORD, newUser } from './support/people.mjs'
import { site } from './support/sites.mjs'

test('password field toggles between hidden and visible', async () => {
  const page = await visit(browser, site, '/login')
  const field = page.getByLabel('Password', { exact: true })
  const button = page.getByRole('button', { name: 'Show the password' })
  await field.fill(PASSWORD)
  for (const [type, pressed] of [['password', 'false'], ['text', 'true'], ['password', 'false']]) {
    assert.equal(await field.getAttribute('type'), type)
    assert.equal(await button.getAttribute('aria-pressed'), pressed)
    assert.equal(await field.inputValue(), PASSWORD)
    await button.click()
  }
})

test('password field accepts a pasted password', async () => {
  const permissions = ['clipboard-read', 'clipboard-write']
  const page = await visit(browser, site, '/login', { permissions })
  await page.evaluate((text) => navigator.clipboard.writeText(text), PASSWORD)
  const field = page.getByLabel('Password', { exact: true })
  await field.focus()
  await page.keyboard.press('Control+V')
  assert.equal(await field.inputValue(), PASSWORD)
})

const attributes = (scope) =>
  scope.locator('input[autocomplete]:not([autocomplete="off"])').evaluateAll((fields) =>
    fields.map(({ type, autocomplete }) => `${type} ${autocomplete}`),
  )

for (const [path, expected] of [
  ['/login', ['email username webauthn', 'password current-password']],
  ['/signup', ['text name', 'email username', 'password new-password']],
  ['/forgot-password', ['email username']],
  ['/magic-link', ['email username']],
  ['/reset-password#token=x', ['password new-password']],
]) {
  test(`fields of ${path} have autocomplete attributes for password managers`, async () => {
    const page = await visit(browser, site, path)
    assert.deepEqual(await attributes(page.locator('main')), expected)
  })
}

test('password forms in the settings have autocomplete attributes and a username field', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/settings', ada)
  const fields = ['email username', 'password current-password', 'password new-password']
  assert.deepEqual(await attributes(part(page, 'Password')), fields)
  assert.equal(await part(page, 'Password').locator('[autocomplete=username]').inputValue(), ada.email)
  assert.deepEqual(await attributes(part(page, 'Leave')), fields.slice(0, 2))
})
