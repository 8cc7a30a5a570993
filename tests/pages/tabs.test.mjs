import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { landsOn, visit } from './support/chromium.mjs'
import { enter, part, press, says } from './support/forms.mjs'
import { newUser, signedIn } from './support/people.mjs'
import { site } from './support/sites.mjs'

/** Answers the first request as if its cookie had just been replaced by a newer one. */
async function refusesOnce(page, path) {
  let asked = 0
  await page.route(path, (route) => {
    asked += 1
    if (asked > 1) return route.continue()
    const body = { status: 401, code: 'UNAUTHORIZED', message: 'Sign in first.' }
    return route.fulfill({ status: 401, contentType: 'application/problem+json', body: JSON.stringify(body) })
  })
  return () => asked
}

test('form rejected because of a replaced cookie is resubmitted with the new one', async () => {
  const page = await visit(browser, site, '/settings', await newUser(site))
  const asked = await refusesOnce(page, '**/api/auth/update-user')
  await enter(page, { 'Your name': 'Augusta' })
  await press(part(page, 'Profile'), 'Save')
  await says(page, 'Profile saved.')
  assert.equal(asked(), 2)
  assert.equal(await page.getByLabel('Your name').inputValue(), 'Augusta')
})

test('rejected form is not resubmitted after another user has signed in', async () => {
  const page = await visit(browser, site, '/settings', await newUser(site))
  const asked = await refusesOnce(page, '**/api/auth/update-user')
  const [name, value] = (await newUser(site, { name: 'Grace' })).cookie.split(/=(.*)/s)
  await page.context().addCookies([{ name, value, url: site.url, httpOnly: true, sameSite: 'Lax' }])
  await enter(page, { 'Your name': 'Eve' })
  await press(part(page, 'Profile'), 'Save')
  await page.waitForFunction(() => document.querySelector('[name=name]')?.value === 'Grace')
  assert.equal(asked(), 1)
})

test('sign-in page continues to the requested page when a new cookie arrives', async () => {
  const ada = await newUser(site)
  const cookie = await signedIn(site, ada)
  const page = await visit(browser, site, '/settings')
  await landsOn(page, '/login')
  const [name, value] = cookie.split(/=(.*)/s)
  await page.context().addCookies([{ name, value, url: site.url, httpOnly: true, sameSite: 'Lax' }])
  await landsOn(page, '/settings')
  assert.equal(await page.getByLabel('Your name').inputValue(), 'Ada')
})
