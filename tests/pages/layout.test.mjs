import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { open } from './support/chromium.mjs'
import { assertSound, shifts } from './support/measure.mjs'
import { apart, site, stale } from './support/sites.mjs'
import { tour } from './support/tour.mjs'
import { watch } from './support/watch.mjs'

const HEAVIEST = 60_000

// Pages look the same on both databases, so one is enough: the one whose server does not start in a test.
const skip = apart && 'on the other database'

for (const { name, path, act, status, ...visitor } of await tour({ site, stale })) {
  test(name, { skip }, async () => {
    const context = await open(browser, visitor.site, { cookie: visitor.cookie })
    const page = await context.newPage()
    const seen = watch(page, visitor.site)
    const response = await page.goto(path)
    assert.equal(response.status(), act ? 200 : (status ?? 200))
    const bytes = await seen.bytes()
    assert.ok(bytes > 1_000 && bytes < HEAVIEST, `${bytes} bytes`)
    assert.deepEqual(await shifts(page), [], 'nothing moves')
    await act?.(page)
    await assertSound(page)
    assert.deepEqual(seen.complaints(status), [])
    assert.deepEqual(seen.foreign(), [])
  })
}
