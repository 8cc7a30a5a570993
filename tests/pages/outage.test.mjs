import assert from 'node:assert/strict'
import { test } from 'node:test'
import { start } from './support/apart.mjs'
import { browser } from './support/browser.mjs'
import { cookieOf, visit } from './support/chromium.mjs'
import { enter, part, press, says } from './support/forms.mjs'
import { assertSound } from './support/measure.mjs'
import { newUser } from './support/people.mjs'
import { apart } from './support/sites.mjs'

// SQLite is a part of the server: there is no connection that could be cut.
test('database outage', { skip: !apart }, async (t) => {
  const { site, line, stop } = await start(apart)
  t.after(stop)
  const ada = await newUser(site)

  await t.test('page shows an error, keeps the cookie, and reloads itself after recovery', async () => {
    const page = await visit(browser, site, '/dashboard', ada)
    const cookie = await cookieOf(page)
    line.cut()
    const response = await page.goto('/settings')
    assert.equal(response.status(), 503)
    assert.ok((await response.allHeaders())['retry-after'])
    assert.ok(await page.getByRole('heading', { name: 'Temporarily unavailable' }).isVisible())
    assert.equal(await cookieOf(page), cookie)
    await assertSound(page)

    await page.getByRole('link', { name: 'Try again' }).click()
    await page.getByRole('heading', { name: 'Temporarily unavailable' }).waitFor()
    assert.equal(page.url(), `${site.url}/settings`)
    line.mend()
    await page.getByRole('heading', { name: 'Settings', exact: true }).waitFor({ timeout: 60_000 })
    assert.equal(await page.getByLabel('Your name').inputValue(), 'Ada')
    assert.equal(await cookieOf(page), cookie)
  })

  await t.test('form keeps its values, asks to try again, and can be resubmitted after recovery', async () => {
    const page = await visit(browser, site, '/settings', ada)
    const cookie = await cookieOf(page)
    line.cut()
    await enter(page, { 'Your name': 'Grace' })
    await press(part(page, 'Profile'), 'Save')
    const said = 'The server is temporarily unavailable. Nothing is lost. Try again.'
    await part(page, 'Profile').getByRole('alert').filter({ hasText: said }).waitFor()
    assert.equal(await page.getByLabel('Your name').inputValue(), 'Grace')
    assert.equal(await cookieOf(page), cookie)

    line.mend()
    await site.isReady()
    await press(part(page, 'Profile'), 'Save')
    await says(page, 'Profile saved.')
    assert.equal(await page.getByLabel('Your name').inputValue(), 'Grace')
  })
})
