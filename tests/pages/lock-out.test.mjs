import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { browserOfThisFile, cookieOf, landsOn, visit } from './support/chromium.mjs'
import { enter, part, press, pressAndConfirm, says } from './support/forms.mjs'
import { makeToken, newcomer, signedIn, withToken } from './support/people.mjs'
import { site } from './support/sites.mjs'

const browser = await browserOfThisFile()
let admin
before(async () => {
  admin = await signedIn(site, site.admin)
})

/** Somebody whose browser is open and whose token is in use, and the page on which an admin sees them. */
async function somebody() {
  const ada = await newcomer(site)
  const token = await makeToken(site, ada.cookie, { name: 'in use' })
  assert.equal((await withToken(site, token)).status, 200)
  const theirs = await visit(browser, site, '/settings', ada)
  const page = await visit(browser, site, `/admin?search=${ada.email}`, { cookie: admin })
  await page.getByRole('link', { name: 'Ada' }).click()
  await page.getByRole('heading', { name: 'Ada', level: 1 }).waitFor()
  return { theirs, token, page }
}

async function bothAreStopped({ theirs, token }) {
  assert.equal((await withToken(site, token)).status, 401)
  await enter(theirs, { 'Your name': 'Eve' })
  await press(part(theirs, 'Profile'), 'Save')
  await landsOn(theirs, '/login')
  assert.equal(new URL(theirs.url()).searchParams.get('why'), 'ended')
  await isAtTheDoor(theirs)
}

async function isAtTheDoor(theirs) {
  await theirs.goto('/settings')
  assert.equal(theirs.url(), `${site.url}/login?next=%2Fsettings`)
}

test('who is locked out stops with the next request, and goes on where it was not for good', async () => {
  const ada = await somebody()
  const cookie = await cookieOf(ada.theirs)
  await ada.page.getByLabel('End sessions and tokens for good').uncheck()
  await pressAndConfirm(ada.page, 'Deactivate')
  await says(ada.page, 'Ada is locked out.')
  await bothAreStopped(ada)
  assert.equal(await cookieOf(ada.theirs), cookie, 'the cookie is not touched')

  await press(ada.page, 'Reactivate')
  await says(ada.page, 'Ada may come in again.')
  await ada.theirs.goto('/settings')
  assert.equal(await ada.theirs.getByLabel('Your name').inputValue(), 'Ada', 'nothing was changed')
  assert.equal((await withToken(site, ada.token)).status, 200)
})

test('who was locked out for good has to sign in again', async () => {
  const ada = await somebody()
  await pressAndConfirm(ada.page, 'Deactivate')
  await says(ada.page, 'Ada is locked out.')
  await bothAreStopped(ada)
  await press(ada.page, 'Reactivate')
  await says(ada.page, 'Ada may come in again.')
  assert.equal((await withToken(site, ada.token)).status, 401)
  await isAtTheDoor(ada.theirs)
})
