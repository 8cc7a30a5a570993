import assert from 'node:assert/strict'
import axe from 'axe-core'

/** Asserts that a page has no violation that axe finds, in either colour scheme, and fits into a narrow window. */
export async function assertAccessible(page) {
  await page.evaluate(axe.source)
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    const { violations } = await page.evaluate(() => axe.run())
    assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), [])
  }
  const { width, height } = page.viewportSize()
  await page.setViewportSize({ width: 320, height })
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out')
  await page.setViewportSize({ width, height })
}
