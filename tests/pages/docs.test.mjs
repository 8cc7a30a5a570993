import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { open } from './support/chromium.mjs'
import { overflow, violations } from './support/measure.mjs'
import { newUser } from './support/people.mjs'
import { site } from './support/sites.mjs'
import { watch } from './support/watch.mjs'

/** Opens Swagger UI for this visitor. */
async function visitDocs(visitor) {
  const context = await open(browser, site, visitor)
  const page = await context.newPage()
  const seen = watch(page, site)
  await page.goto('/docs/')
  await operation(page, 'show_me').waitFor()
  return { page, seen }
}

const operation = (page, id) => page.locator(`.opblock[id$="-${id}"]`)
const padlock = (page, id) => operation(page, id).locator('.authorization__btn')

/** Waits until the padlock shows whether the operation accepts the credential that would be sent. */
const isLocked = (page, id, locked) =>
  padlock(page, id).locator(locked ? '.locked' : '.unlocked').waitFor()

test('documentation page executes an operation without violating its content security policy', async () => {
  const ada = await newUser(site)
  const { page, seen } = await visitDocs(ada)
  const dashboard = operation(page, 'show_dashboard')
  await dashboard.locator('.opblock-summary-control').click()
  await dashboard.getByRole('button', { name: 'Execute' }).click()
  const answer = dashboard.locator('.live-responses-table .response-col_status')
  await answer.filter({ hasText: '200' }).first().waitFor()
  const text = await dashboard.locator('.live-responses-table').first().textContent()
  assert.ok(text.includes(ada.email), text)
  assert.deepEqual(seen.complaints(), [])
  assert.deepEqual(seen.foreign(), [])
})

test('documentation lists groups in the order of first use, and links to the dashboard', async () => {
  const { page } = await visitDocs()
  const groups = await page.locator('.opblock-tag').evaluateAll((titles) =>
    titles.map(({ dataset: { tag, isOpen } }) => [tag, isOpen === 'true']),
  )
  const expected = [
    ['account', true],
    ['tokens', true],
    ['auth', false],
    ['admin', false],
    ['health', true],
  ]
  // A product has further groups.
  const own = new Map(expected)
  assert.deepEqual(groups.filter(([tag]) => own.has(tag)), expected)
  assert.equal(await page.locator('.topbar').count(), 0)
  await page.locator('header a').first().click()
  await page.waitForURL('**/dashboard')
})

test('filter matches any word of an operation, also in a collapsed group', async () => {
  const { page } = await visitDocs()
  const filter = page.getByLabel('Filter operations')
  await filter.fill('Sign-IN/email')
  await operation(page, 'sign_in_email').waitFor()
  assert.equal(await page.locator('.opblock').count(), 1)
  await filter.fill('nothing is called so')
  await page.getByText('No operation fits.').waitFor()
  await filter.fill('')
  await operation(page, 'show_me').waitFor()
})

test('padlock marks protected operations, and closes if the credential sent is accepted', async () => {
  const { page } = await visitDocs()
  assert.equal(await padlock(page, 'show_dashboard').count(), 0)
  await isLocked(page, 'show_me', false)
  // An operation that accepts no token links to the sign-in page.
  await padlock(page, 'create_token').click()
  await operation(page, 'sign_in_email').locator('.opblock-body').waitFor()
  assert.equal(await page.locator('.modal-ux').count(), 0)

  const ada = await newUser(site)
  const { page: signedIn } = await visitDocs(ada)
  await isLocked(signedIn, 'show_me', true)
  await isLocked(signedIn, 'create_token', true)
  await isLocked(signedIn, 'revoke_current_token', false)
  await signedIn.locator('.btn.authorize').first().click()
  const dialog = signedIn.locator('.modal-ux')
  assert.deepEqual(await dialog.locator('h4 code').allTextContents(), ['bearer'])
  await signedIn.keyboard.type('a token')
  assert.equal(await dialog.locator('input').inputValue(), 'a token')
  await signedIn.keyboard.press('Enter')
  await dialog.locator('.btn-done').click()
  await isLocked(signedIn, 'show_me', true)
  await isLocked(signedIn, 'create_token', false)
  await isLocked(signedIn, 'revoke_current_token', true)
})

test('documentation page has no overlapping or overflowing text in either color scheme', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const { page } = await visitDocs({ colorScheme, viewport: { width: 390, height: 800 } })
    const isDark = await page.evaluate(() => document.documentElement.matches('.dark-mode'))
    assert.equal(isDark, colorScheme === 'dark')
    await operation(page, 'create_token').locator('.opblock-summary-control').click()
    await operation(page, 'create_token').locator('.responses-table').waitFor()
    for (const width of [390, 1280]) {
      await page.setViewportSize({ width, height: 800 })
      assert.deepEqual(await overflow(page), [], `${colorScheme}, ${width}`)
      assert.deepEqual(await covered(page), [], `${colorScheme}, ${width}`)
    }
  }
})

/** Returns the boxes around code that overlap other text, with that text. */
function covered(page) {
  return page.locator('.markdown code, .renderedMarkdown code').evaluateAll((boxes) => {
    const touch = (one, other) =>
      Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1 &&
      Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 1
    const textsAround = (box) => {
      const place = box.closest('.markdown, .renderedMarkdown')
      const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT)
      const found = []
      while (walker.nextNode()) if (!box.contains(walker.currentNode)) found.push(walker.currentNode)
      return found
    }
    const rectsOf = (node) => {
      const range = document.createRange()
      range.selectNodeContents(node)
      return [...range.getClientRects()]
    }
    return boxes.flatMap((box) =>
      textsAround(box)
        .filter((text) => rectsOf(text).some((rect) => [...box.getClientRects()].some((own) => touch(own, rect))))
        .map((text) => `${box.textContent} on ${text.data}`),
    )
  })
}

test('error code list is accessible, does not overflow, and has an anchor for each code', async () => {
  const context = await open(browser, site)
  const page = await context.newPage()
  const seen = watch(page, site)
  await page.goto('/docs/errors#token_expired')
  assert.ok(await page.locator('#token_expired').evaluate((section) => section.matches(':target')))
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    assert.deepEqual(await violations(page), [], colorScheme)
    for (const width of [1280, 390, 320]) {
      await page.setViewportSize({ width, height: 800 })
      assert.deepEqual(await overflow(page), [], `${width}`)
    }
  }
  assert.deepEqual(seen.complaints(), [])
})
