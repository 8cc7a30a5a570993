import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserOfThisFile, visit } from './support/chromium.mjs'
import { enter, part, press, pressAndConfirm, says } from './support/forms.mjs'
import { newcomer, withToken } from './support/people.mjs'
import { site } from './support/sites.mjs'

const browser = await browserOfThisFile()

async function settings(options) {
  return visit(browser, site, '/settings', { ...(await newcomer(site)), ...options })
}

/** Makes a token and answers it, as it is shown. */
async function made(page, name) {
  await enter(page, { 'What it is for': name })
  await press(page, 'Make the token')
  await page.getByRole('heading', { name: 'Your new token' }).waitFor()
  return page.locator('#made-token').textContent()
}

test('a token is made, shown once, used, and revoked', async () => {
  const page = await settings()
  assert.ok(await page.getByText('You have no tokens yet').isVisible())
  await page.getByLabel('write: make, change and delete').check()
  await page.getByLabel('How long it lives').selectOption('7 days')
  const token = await made(page, 'backup')
  assert.match(token, /^sk_live_/)
  const me = await withToken(site, token)
  assert.equal(me.status, 200)
  assert.deepEqual((await me.json()).scopes, ['read', 'write'])

  await page.getByRole('link', { name: 'Done' }).click()
  const row = part(page, 'API tokens').getByRole('listitem')
  await row.getByText('backup').waitFor()
  assert.ok(!(await page.content()).includes(token), 'it is not shown again')
  assert.match(await row.textContent(), /active.*read write.*expires in 7 days/s)

  await pressAndConfirm(row, 'Revoke the token backup', 'Revoke')
  await says(page, 'The token is revoked.')
  assert.ok(await row.getByText('revoked').isVisible())
  assert.equal((await withToken(site, token)).status, 401)
})

test('who thinks better of it keeps the token', async () => {
  const page = await settings()
  const token = await made(page, 'kept')
  await page.getByRole('link', { name: 'Done' }).click()
  await press(page, 'Revoke the token kept')
  await press(page.getByRole('dialog'), 'Cancel')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  assert.equal((await withToken(site, token)).status, 200)
  await page.reload()
  assert.ok(await page.getByRole('button', { name: 'Revoke the token kept' }).isVisible())
})

test('a token only reads unless more is asked for', async () => {
  const page = await settings()
  const token = await made(page, 'reader')
  assert.deepEqual((await (await withToken(site, token)).json()).scopes, ['read'])
})

test('the token is copied, and so is a line that tries it', async () => {
  const page = await settings({ permissions: ['clipboard-read', 'clipboard-write'] })
  const token = await made(page, 'copied')
  const place = page.locator('#made')
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

test('where nothing can be copied the token is marked', async () => {
  const page = await settings()
  const token = await made(page, 'marked')
  await page.evaluate(() => (navigator.clipboard.writeText = () => Promise.reject(new Error('no'))))
  await page.locator('#made').getByRole('button', { name: /Copy/ }).first().click()
  await says(page, 'Marked: copy it with your keyboard.')
  assert.equal(await page.evaluate(() => getSelection().toString().trim()), token)
})

test('a token that may do nothing is not made', async () => {
  const page = await settings()
  await page.getByLabel('read', { exact: true }).uncheck()
  await enter(page, { 'What it is for': 'nothing' })
  await press(page, 'Make the token')
  await page.getByRole('alert').filter({ hasText: 'What it may do' }).waitFor()
  assert.equal(await page.locator('#made').isVisible(), false)
})
