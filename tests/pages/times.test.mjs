import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { open } from './support/chromium.mjs'
import { newUser } from './support/people.mjs'
import { site } from './support/sites.mjs'

const ada = await newUser(site)

const NOW = '2026-03-01T12:00:00.000Z'
const TIMES = {
  '2026-03-01T11:59:30.000Z': 'just now',
  '2026-03-01T12:00:30.000Z': 'in less than a minute',
  '2026-03-01T11:58:50.000Z': '1 minute ago',
  '2026-03-01T11:00:20.000Z': '1 hour ago',
  '2026-02-28T09:00:00.000Z': '1 day ago',
  '2026-05-30T11:59:00.000Z': 'in 90 days',
  '2027-03-01T12:00:00.000Z': 'in 12 months',
  '2021-01-01T12:00:00.000Z': '5 years ago',
}

/** Opens a page of the site with these times, rendered at that moment, for a user of this locale. */
async function withTimes(options) {
  const context = await open(browser, site, { cookie: ada.cookie, ...options })
  const page = await context.newPage()
  const times = Object.keys(TIMES).map((at) => `<p><time datetime="${at}">exact</time></p>`)
  await page.route('**/dashboard', async (route) => {
    const response = await route.fetch()
    const text = await response.text()
    const body = text
      .replace(/data-now="[^"]+"/, `data-now="${NOW}"`)
      .replace('</main>', `<div id="times">${times.join('')}</div></main>`)
    await route.fulfill({ response, body })
  })
  await page.goto('/dashboard')
  return page
}

test('times are shown relative to the server clock', async () => {
  const page = await withTimes()
  assert.deepEqual(await page.locator('#times time').allTextContents(), Object.values(TIMES))
})

test('exact time uses the locale and time zone of the user', async () => {
  for (const [locale, timezoneId, exact] of [
    ['en-US', 'America/New_York', 'Mar 1, 2026, 6:59:30 AM EST'],
    ['de-DE', 'Europe/Berlin', '01.03.2026, 12:59:30 MEZ'],
  ]) {
    const page = await withTimes({ locale, timezoneId })
    const title = await page.locator('#times time').first().getAttribute('title')
    assert.equal(title.replace(/\s/g, ' '), exact)
    await page.context().close()
  }
})

test('exact time is shown on touch and on keyboard focus', async () => {
  const page = await withTimes({ hasTouch: true })
  const time = page.locator('#times time').first()
  const shown = async () => {
    const [content, title] = await time.evaluate((time) => [getComputedStyle(time, '::after').content, time.title])
    return content.includes(title)
  }
  assert.equal(await shown(), false)
  await time.tap()
  assert.equal(await shown(), true)
  await page.getByRole('heading', { level: 1 }).tap()
  assert.equal(await shown(), false)
  await page.locator('main a').last().focus()
  await page.keyboard.press('Tab')
  assert.equal(await shown(), true)
})

test('exact time is shown in UTC without JavaScript', async () => {
  const context = await open(browser, site, { cookie: ada.cookie, javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto('/settings')
  const time = page.locator('time').first()
  const at = await time.getAttribute('datetime')
  assert.equal(await time.textContent(), `${at.slice(0, 10)} ${at.slice(11, 16)} UTC`)
})
