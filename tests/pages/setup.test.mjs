import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { landsOn, visit } from './support/chromium.mjs'
import { enter, press } from './support/forms.mjs'
import { assertSound } from './support/measure.mjs'
import { PASSWORD, isLetIn } from './support/people.mjs'
import { fresh } from './support/sites.mjs'

const EMAIL = 'grace@example.com'

const become = async (page, email) => {
  await enter(page, { 'Your name': 'Grace', 'Email': email, Password: PASSWORD })
  await press(page, 'Create admin account')
}

test('incomplete setup link shows an error instead of the form', async () => {
  const page = await visit(browser, fresh, '/setup')
  await page.getByText('Open this page with the complete link').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Create admin account' }).isVisible(), false)
})

test('setup with an invalid token creates no admin', async () => {
  const page = await visit(browser, fresh, '/setup#token=wrong')
  await assertSound(page)
  await become(page, 'eve@example.com')
  await page.getByRole('alert').filter({ hasText: 'has been used or has expired' }).waitFor()
  assert.equal(await isLetIn(fresh, 'eve@example.com', PASSWORD), false)
})

test('setup link pasted into an open setup page is accepted, and its token leaves the URL', async () => {
  const page = await visit(browser, fresh, '/setup')
  await page.getByText('Open this page with the complete link').waitFor()
  await page.goto('/setup#token=pasted')
  await page.getByRole('button', { name: 'Create admin account' }).waitFor()
  assert.equal(page.url(), `${fresh.url}/setup`)
  assert.equal(await page.locator('[name=token]').inputValue(), 'pasted')
})

test('setup link creates the first admin only once', async () => {
  const page = await visit(browser, fresh, fresh.setup)
  const late = await visit(browser, fresh, fresh.setup)
  assert.equal(page.url(), `${fresh.url}/setup`, 'the token has left the address')
  assert.ok(new URL(fresh.setup).hash.length > 20, 'it was there')
  await become(page, EMAIL)
  await landsOn(page, '/admin')
  await page.getByRole('heading', { name: 'Users', exact: true }).waitFor()
  assert.ok(await page.getByText(EMAIL).isVisible())
  await page.goBack()
  assert.ok(!page.url().includes('token'), 'nor is it in the history')

  await become(late, 'eve@example.com')
  await late.getByRole('alert').filter({ hasText: 'already has an admin' }).waitFor()
  assert.equal(await isLetIn(fresh, 'eve@example.com', PASSWORD), false)

  const reopened = await visit(browser, fresh, fresh.setup)
  await reopened.getByText('This site already has an admin').waitFor()
  assert.equal(await reopened.locator('main form').count(), 0)
  assert.equal(await isLetIn(fresh, EMAIL, PASSWORD), true)
})
