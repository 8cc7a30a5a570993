import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { browserOfThisFile, open } from './support/chromium.mjs'
import { overflow, shifts, violations } from './support/measure.mjs'
import { site, stale } from './support/sites.mjs'
import { tour } from './support/tour.mjs'
import { watch } from './support/watch.mjs'

const WIDTHS = [1280, 360, 320]
const HEAVIEST = 60_000

const browser = await browserOfThisFile()
const stops = await tour({ site, stale })

for (const colorScheme of ['light', 'dark']) {
  describe(colorScheme, () => {
    for (const { name, path, act, status, ...visitor } of stops) {
      test(name, async () => {
        const context = await open(browser, visitor.site, { colorScheme, cookie: visitor.cookie })
        const page = await context.newPage()
        const seen = watch(page, visitor.site)
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 800 })
          // Where only the fragment differs from the last time, the same page would be left as it is.
          await page.goto('about:blank')
          const response = await page.goto(path)
          assert.equal(response.status(), act ? 200 : (status ?? 200))
          if (width === WIDTHS[0]) {
            const bytes = await seen.bytes()
            assert.ok(bytes > 1_000 && bytes < HEAVIEST, `${bytes} bytes`)
          }
          assert.deepEqual(await shifts(page), [], `nothing moves at ${width}`)
          await act?.(page)
          assert.deepEqual(await overflow(page), [], `nothing sticks out at ${width}`)
        }
        assert.deepEqual(await violations(page), [])
        assert.deepEqual(seen.complaints(status), [])
        assert.deepEqual(seen.foreign(), [])
        await context.close()
      })
    }
  })
}
