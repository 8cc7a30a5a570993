import assert from 'node:assert/strict'
import axe from 'axe-core'

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/**
 * Returns the violations that axe finds. Its source is injected by the debugger, since the page's content security
 * policy allows no foreign script; so the test runs with the policy in force.
 */
export async function violations(page) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source)
  const found = await page.evaluate((values) => axe.run({ runOnly: { type: 'tag', values } }), TAGS)
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  )
}

/** Returns by how many pixels a page is wider than its viewport, and the elements that overflow. */
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

/** Asserts that a page has no overflow at any width, and no violation in either colour scheme. */
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

/** Returns the layout shifts since the page was first drawn. */
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
