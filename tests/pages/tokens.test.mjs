import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { visit } from './support/chromium.mjs'
import { enter, part, press, pressAndConfirm, says } from './support/forms.mjs'
import { newUser, withToken } from './support/people.mjs'
import { site } from './support/sites.mjs'

async function tokens(options) {
  return visit(browser, site, '/settings/tokens', { ...(await newUser(site)), ...options })
}

/** Creates a token, and returns it as the page shows it. */
async function created(page, name) {
  await enter(page, { Name: name })
  await press(page, 'Create')
  await page.getByRole('heading', { name: 'Your new token' }).waitFor()
  return page.locator('#created-token').textContent()
}

test('created token is shown once, authenticates requests, and is rejected after revocation', async () => {
  const page = await tokens()
  assert.ok(await page.getByText('You have no active tokens.').isVisible())
  await page.getByLabel('write: create, change and delete').check()
  await page.getByLabel('Expires').selectOption('7 days')
  const token = await created(page, 'backup')
  assert.match(token, /^sk_live_/)
  const me = await withToken(site, token)
  assert.equal(me.status, 200)
  assert.deepEqual((await me.json()).scopes, ['read', 'write'])

  await page.getByRole('link', { name: 'Done' }).click()
  const row = part(page, 'Your tokens').getByRole('listitem')
  await row.getByText('backup').waitFor()
  assert.ok(!(await page.content()).includes(token), 'it is not shown again')
  assert.match(await row.textContent(), /read write.*created just now ·.*expires in 7 days/s)

  await pressAndConfirm(row, 'Revoke the token backup', 'Revoke')
  await says(page, 'Token revoked.')
  assert.ok(await page.getByText('You have no active tokens.').isVisible(), 'it is apart from those that work')
  await page.getByRole('link', { name: 'Revoked' }).click()
  await row.getByText('backup').waitFor()
  assert.match(await row.textContent(), /created just now ·.*revoked just now\s*$/s)
  assert.equal(await row.getByRole('button').count(), 0)
  assert.equal((await withToken(site, token)).status, 401)
})

test('cancelling the revocation keeps the token active', async () => {
  const page = await tokens()
  const token = await created(page, 'kept')
  await page.getByRole('link', { name: 'Done' }).click()
  await press(page, 'Revoke the token kept')
  await press(page.getByRole('dialog'), 'Cancel')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  assert.equal((await withToken(site, token)).status, 200)
  await page.reload()
  assert.ok(await page.getByRole('button', { name: 'Revoke the token kept' }).isVisible())
})

test('token created with the default scopes is read-only', async () => {
  const page = await tokens()
  const token = await created(page, 'reader')
  assert.deepEqual((await (await withToken(site, token)).json()).scopes, ['read'])
})

test('copy buttons copy the new token and an example command', async () => {
  const page = await tokens({ permissions: ['clipboard-read', 'clipboard-write'] })
  const token = await created(page, 'copied')
  const place = page.locator('#created')
  const copied = async (which) => {
    await page.evaluate(() => navigator.clipboard.writeText(''))
    await place.getByRole('button', { name: /Copy/ }).nth(which).click()
    await page.waitForFunction(async () => (await navigator.clipboard.readText()) !== '')
    return page.evaluate(() => navigator.clipboard.readText())
  }
  assert.equal(await copied(0), token)
  await says(page, 'Copied.')
  const line = await copied(1)
  assert.equal(line, `curl -H "Authorization: Bearer ${token}" ${site.url}/api/me`)
})

test('copy button selects the token if the clipboard is unavailable', async () => {
  const page = await tokens()
  const token = await created(page, 'marked')
  await page.evaluate(() => (navigator.clipboard.writeText = () => Promise.reject(new Error('no'))))
  await page.locator('#created').getByRole('button', { name: /Copy/ }).first().click()
  await says(page, 'Selected. Copy it with your keyboard.')
  assert.equal(await page.evaluate(() => getSelection().toString().trim()), token)
})

test('renaming a token updates its name in the list', async () => {
  const page = await tokens()
  await created(page, 'old')
  await page.getByRole('link', { name: 'Done' }).click()
  await page.getByText('Rename').click()
  await enter(page, { 'New name': 'nightly job' })
  await press(page, 'Save')
  await says(page, 'Token renamed.')
  assert.ok(await page.getByRole('button', { name: 'Revoke the token nightly job' }).isVisible())
})

test('creating a token without scopes shows an error at the field', async () => {
  const page = await tokens()
  await page.getByLabel('read: see, and change nothing').uncheck()
  await enter(page, { Name: 'nothing' })
  await press(page, 'Create')
  await page.locator('#scopes-error').filter({ hasText: 'must hold at least one scope' }).waitFor()
  assert.equal(await page.locator('#created').isVisible(), false)
})
