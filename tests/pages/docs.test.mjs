import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserOfThisFile, open } from './support/chromium.mjs'
import { newcomer } from './support/people.mjs'
import { site } from './support/sites.mjs'
import { watch } from './support/watch.mjs'

const browser = await browserOfThisFile()

test('Swagger UI works under its own policy, and an operation can be tried out', async () => {
  const ada = await newcomer(site)
  const context = await open(browser, site, ada)
  const page = await context.newPage()
  const seen = watch(page, site)
  await page.goto('/docs/')
  const operation = page.locator('[id$="-show_dashboard"]')
  await operation.locator('.opblock-summary-control').click()
  await operation.getByRole('button', { name: 'Execute' }).click()
  const answer = operation.locator('.live-responses-table .response-col_status')
  await answer.filter({ hasText: '200' }).first().waitFor()
  const text = await operation.locator('.live-responses-table').first().textContent()
  assert.ok(text.includes(ada.email), text)
  assert.deepEqual(seen.complaints(), [])
  assert.deepEqual(seen.foreign(), [])
})
