import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { cookieOf, landsOn, open, visit } from './support/chromium.mjs'
import { signInOn } from './support/forms.mjs'
import { newcomer } from './support/people.mjs'
import { site } from './support/sites.mjs'

const ada = await newcomer(site)

test('who was going nowhere lands at the start', async () => {
  const page = await visit(browser, site, '/login')
  await signInOn(page, ada)
  await landsOn(page, '/dashboard')
  await page.getByRole('heading', { name: 'Hello, Ada' }).waitFor()
})

test('who is signed in already goes straight on', async () => {
  const page = await visit(browser, site, '/login?next=/settings', ada)
  assert.equal(page.url(), `${site.url}/settings`)
  await page.goto('/login')
  assert.equal(page.url(), `${site.url}/dashboard`)
})

for (const next of ['https://evil.example/', '//evil.example/', '/\\evil.example', 'javascript:alert(1)']) {
  test(`nobody is led to ${next}`, async () => {
    const asked = new Set()
    const page = await visit(browser, site, '/login')
    page.on('request', (request) => asked.add(new URL(request.url()).host))
    await page.goto(`/login?next=${encodeURIComponent(next)}`)
    await signInOn(page, ada)
    await landsOn(page, '/dashboard')
    await page.goto(`/login?next=${encodeURIComponent(next)}`)
    assert.equal(page.url(), `${site.url}/dashboard`)
    assert.deepEqual([...asked], [new URL(site.url).host])
  })
}

test('who does not want to be kept signed in is forgotten with the browser', async () => {
  const kept = async (want) => {
    const page = await visit(browser, site, '/login')
    await page.getByLabel('Keep me signed in on this device').setChecked(want)
    await signInOn(page, ada)
    await landsOn(page, '/dashboard')
    const [{ expires, httpOnly, sameSite }] = await page.context().cookies()
    assert.deepEqual({ httpOnly, sameSite }, { httpOnly: true, sameSite: 'Lax' })
    return expires !== -1
  }
  assert.equal(await kept(true), true)
  assert.equal(await kept(false), false)
})

test('no script of a page reads the cookie', async () => {
  const context = await open(browser, site, ada)
  const page = await context.newPage()
  await page.goto('/settings')
  assert.ok(await cookieOf(page))
  assert.equal(await page.evaluate(() => document.cookie), '')
})
