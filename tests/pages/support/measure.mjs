import assert from 'node:assert/strict'
import axe from 'axe-core'

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/**
 * What axe finds wrong. Its source is handed to the debugger, as the page's policy lets in no script
 * that is not ours; so it is the policy in force that is looked at, and nothing is switched off.
 */
export async function violations(page) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source)
  const found = await page.evaluate((values) => axe.run({ runOnly: { type: 'tag', values } }), TAGS)
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  )
}

/** By how much a page is wider than what it is seen through, in pixels, and what sticks out. */
export function overflow(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement
    if (scrollWidth <= clientWidth) return []
    const wide = [...document.body.querySelectorAll('*')].filter((element) => {
      const { right, width } = element.getBoundingClientRect()
      return width > 0 && right > clientWidth
    })
    return [`${scrollWidth} > ${clientWidth}`, ...wide.map((element) => element.outerHTML.slice(0, 120))]
  })
}

/** A page as it stands is sound at every width and in both schemes. */
export async function assertSound(page) {
  for (const width of [1280, 360, 320]) {
    await page.setViewportSize({ width, height: 800 })
    assert.deepEqual(await overflow(page), [], `nothing sticks out at ${width}`)
  }
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    assert.deepEqual(await violations(page), [], colorScheme)
  }
}

/** What has moved since the page was first seen. */
export function shifts(page) {
  return page.evaluate(async () => {
    const frame = () => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))
    const seen = []
    const observer = new PerformanceObserver((list) => seen.push(...list.getEntries()))
    observer.observe({ type: 'layout-shift', buffered: true })
    await frame()
    await frame()
    seen.push(...observer.takeRecords())
    observer.disconnect()
    return seen.map(({ value, sources }) => `${value} ${sources.map(({ node }) => node?.outerHTML ?? node?.textContent)}`)
  })
}
