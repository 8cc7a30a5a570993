import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { cookieOf, landsOn, open, visit } from './support/chromium.mjs'
import { signInOn } from './support/forms.mjs'
import { newUser } from './support/people.mjs'
import { site } from './support/sites.mjs'

const ada = await newUser(site)

test('sign-in without a requested page redirects to the dashboard', async () => {
  const page = await visit(browser, site, '/login')
  await signInOn(page, ada)
  await landsOn(page, '/dashboard')
  await page.getByRole('heading', { name: 'Hello, Ada' }).waitFor()
})

test('sign-in page redirects a signed-in user to the requested page', async () => {
  const page = await visit(browser, site, '/login?next=/settings', ada)
  assert.equal(page.url(), `${site.url}/settings`)
  await page.goto('/login')
  assert.equal(page.url(), `${site.url}/dashboard`)
})

for (const next of ['https://evil.example/', '//evil.example/', '/\\evil.example', 'javascript:alert(1)']) {
  test(`sign-in does not redirect to ${next}`, async () => {
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

test('sign-in without the keep-signed-in option sets a session-only cookie', async () => {
  const kept = async (want) => {
    const page = await visit(browser, site, '/login')
    await page.getByLabel('Keep me signed in on this device').setChecked(want)
    await signInOn(page, ada)
    await landsOn(page, '/dashboard')
    const cookies = await page.context().cookies()
    const { expires, httpOnly, sameSite } = cookies.find(({ name }) => name === 'portcullis')
    assert.deepEqual({ httpOnly, sameSite }, { httpOnly: true, sameSite: 'Lax' })
    return expires !== -1
  }
  assert.equal(await kept(true), true)
  assert.equal(await kept(false), false)
})

test('session cookie is not readable by scripts', async () => {
  const context = await open(browser, site, ada)
  const page = await context.newPage()
  await page.goto('/settings')
  assert.ok(await cookieOf(page))
  assert.equal(await page.evaluate(() => document.cookie), '')
})
