import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { browser } from './support/browser.mjs'
import { open } from './support/chromium.mjs'
import { overflow, shifts } from './support/measure.mjs'
import { site, stale } from './support/sites.mjs'
import { tour } from './support/tour.mjs'

const LATE = 200

const viewport = { width: 360, height: 800 }

for (const { name, path, act, ...visitor } of await tour({ site, stale })) {
  if (act) continue
  test(`late script causes no layout shift or overflow: ${name}`, async () => {
    const context = await open(browser, visitor.site, { cookie: visitor.cookie, viewport })
    const page = await context.newPage()
    await page.route('**/assets/app.js*', async (route) => {
      await sleep(LATE)
      await route.continue()
    })
    await page.goto(path)
    assert.deepEqual(await shifts(page), [])
    assert.deepEqual(await overflow(page), [])
    await context.close()
  })
}
