import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { browserOfThisFile, open } from './support/chromium.mjs'
import { overflow, shifts } from './support/measure.mjs'
import { site, stale } from './support/sites.mjs'
import { tour } from './support/tour.mjs'

const browser = await browserOfThisFile()
const stops = (await tour({ site, stale })).filter(({ act }) => !act)
const viewport = { width: 360, height: 800 }

describe('a page is there without its script', () => {
  for (const { name, path, ...visitor } of stops) {
    test(name, async () => {
      const options = { cookie: visitor.cookie, javaScriptEnabled: false, viewport }
      const context = await open(browser, visitor.site, options)
      const page = await context.newPage()
      await page.goto(path)
      assert.ok(await page.getByRole('heading', { level: 1 }).isVisible())
      assert.ok(await page.locator('noscript p').isVisible())
      await context.close()
    })
  }
})

describe('nothing moves when the script comes late', () => {
  for (const { name, path, ...visitor } of stops) {
    test(name, async () => {
      const context = await open(browser, visitor.site, { cookie: visitor.cookie, viewport })
      const page = await context.newPage()
      await page.route('**/assets/app.js*', async (route) => {
        await new Promise((passed) => setTimeout(passed, 200))
        await route.continue()
      })
      await page.goto(path)
      assert.deepEqual(await shifts(page), [])
      assert.deepEqual(await overflow(page), [])
      await context.close()
    })
  }
})
