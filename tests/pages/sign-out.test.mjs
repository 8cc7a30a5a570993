import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { cookieOf, landsOn, visit } from './support/chromium.mjs'
import { press } from './support/forms.mjs'
import { newUser } from './support/people.mjs'
import { site } from './support/sites.mjs'

test('navigating back after signing out shows no private content', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/dashboard', ada)
  await page.goto('/settings')
  assert.ok(await page.getByText(ada.email).first().isVisible())
  const answered = page.waitForResponse('**/api/auth/sign-out')
  await press(page, 'Sign out')
  const headers = await (await answered).allHeaders()
  assert.equal(headers['clear-site-data'], '"storage"')
  await landsOn(page, '/login')
  await page.getByText('You are signed out.').waitFor()
  assert.equal(await cookieOf(page), undefined)
  for (let i = 0; i < 2; i += 1) {
    await page.goBack()
    assert.ok(!(await page.content()).includes(ada.email))
  }
})

test('cookie of a signed-out session is rejected', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/dashboard', ada)
  await press(page, 'Sign out')
  await landsOn(page, '/login')
  const again = await visit(browser, site, '/settings', ada)
  assert.equal(new URL(again.url()).pathname, '/login')
})
