import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { launch, visit } from './chromium.mjs'
import { open } from './sites.mjs'

const SAME_SITE = 'app.site.test'
const OTHER_SITE = 'front.example'
const UNTRUSTED = 'evil.example'

async function signUp(page) {
  const newUser = {
    name: 'Ada',
    email: `${randomUUID()}@example.com`,
    password: 'correct horse battery staple',
  }
  const { error } = await page.evaluate((body) => client.signUp.email(body), newUser)
  assert.equal(error, null)
  return newUser.email
}

/** Returns the user that the server recognises, as the page sees it. */
async function known(page) {
  const { data, error } = await page.evaluate(() => client.getSession())
  assert.equal(error, null)
  return data?.user.email
}

for (const [name, comesAlong] of [['lax', false], ['none', true]]) {
  describe(`with PORTCULLIS_COOKIE_SAME_SITE=${name}`, () => {
    let browser, sites
    before(async () => {
      browser = await launch()
      sites = await open(name)
    })
    after(async () => {
      await browser.close()
      sites.close()
    })

    test('same-site page can sign up, get the session and sign out', async () => {
      const page = await visit(browser, sites.origin(SAME_SITE))
      const email = await signUp(page)
      assert.equal(await known(page), email)
      const { data } = await page.evaluate(() => client.signOut())
      assert.deepEqual(data, { success: true })
      assert.equal(await known(page), undefined)
    })

    test(`session cookie ${comesAlong ? 'comes' : 'does not come'} with cross-site requests`, async () => {
      const page = await visit(browser, sites.origin(OTHER_SITE))
      const email = await signUp(page)
      assert.equal(await known(page), comesAlong ? email : undefined)
    })

    test('trusted cross-site page can read the error of a failed sign-in', async () => {
      const page = await visit(browser, sites.origin(OTHER_SITE))
      const wrong = { email: `${randomUUID()}@example.com`, password: 'not the password' }
      const { error } = await page.evaluate((body) => client.signIn.email(body), wrong)
      assert.deepEqual([error.status, error.code], [401, 'INVALID_EMAIL_OR_PASSWORD'])
    })

    test('untrusted page can neither read the session nor sign out the user', async () => {
      const own = await visit(browser, sites.origin(SAME_SITE))
      const email = await signUp(own)
      const page = await visit(browser, sites.origin(UNTRUSTED))
      await assert.rejects(page.evaluate(() => client.getSession()), /Failed to fetch/)
      const blind = page.evaluate(async (api) => {
        const asked = { method: 'POST', mode: 'no-cors', credentials: 'include' }
        await fetch(`${api}/api/auth/sign-out`, asked)
      }, sites.api)
      await assert.rejects(blind, /Failed to fetch/, 'what comes back is for our own pages')
      const sent = `POST /api/auth/sign-out from ${sites.origin(UNTRUSTED)}`
      assert.ok(sites.asked.includes(sent), 'the request was sent')
      assert.equal(await known(own), email)
    })
  })
}
