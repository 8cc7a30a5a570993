import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { open } from './support/chromium.mjs'
import { site, stale } from './support/sites.mjs'
import { tour } from './support/tour.mjs'

for (const { name, path, act, ...visitor } of await tour({ site, stale })) {
  if (act) continue
  test(`page shows its heading and a notice without JavaScript: ${name}`, async () => {
    const options = { cookie: visitor.cookie, javaScriptEnabled: false }
    const context = await open(browser, visitor.site, options)
    const page = await context.newPage()
    await page.goto(path)
    assert.ok(await page.getByRole('heading', { level: 1 }).isVisible())
    assert.ok(await page.locator('noscript p').isVisible())
  })
}
