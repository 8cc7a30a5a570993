import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted } from './support/outcome.mjs'
import { PASSWORD, newUser } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const DAY = 24 * 60 * 60 * 1000

test('get-session without a cookie returns no session', async () => {
  assert.equal(accepted(await new Browser(plain).client.getSession()), null)
})

test('get-session returns the user id, user agent, IP address and expiry of the session', async () => {
  const { email, user } = await newUser(plain)
  const { client } = new Browser(plain)
  const headers = { 'User-Agent': 'Conformance' }
  accepted(await client.signIn.email({ email, password: PASSWORD, fetchOptions: { headers } }))
  const { session } = accepted(await client.getSession())
  assert.equal(session.token, session.id)
  assert.equal(session.userId, user.id)
  assert.equal(session.userAgent, 'Conformance')
  assert.match(session.ipAddress, /^(127\.0\.0\.1|::1)$/)
  assert.equal(session.expiresAt - session.createdAt, 7 * DAY)
})

test('get-session returns dates as Date objects', async () => {
  const { client } = await newUser(plain)
  const { session, user } = accepted(await client.getSession())
  const dates = [session.createdAt, session.updatedAt, session.expiresAt, user.createdAt, user.updatedAt]
  for (const date of dates) {
    assert.ok(date instanceof Date)
    assert.ok(Math.abs(date - Date.now()) < 8 * DAY)
  }
})

test('get-session and list-sessions do not expose the cookie secrets', async () => {
  const { browser } = await newUser(plain)
  const { value } = await browser.cookie()
  const secrets = decodeURIComponent(value).match(/[\w-]{20,}/g)
  assert.ok(secrets.length > 0)
  for (const path of ['get-session', 'list-sessions']) {
    const body = await (await browser.open(`/api/auth/${path}`)).text()
    assert.match(body, /"token"/)
    for (const secret of secrets) assert.ok(!body.includes(secret))
  }
})

test('get-session response is not cacheable', async () => {
  const { browser } = await newUser(plain)
  const { headers } = await browser.open('/api/auth/get-session')
  assert.match(headers.get('cache-control'), /no-store/)
  assert.equal(headers.get('pragma'), 'no-cache')
})

test('get-session with a forged cookie returns no session', async () => {
  const { browser, client } = await newUser(plain)
  const { value } = await browser.cookie()
  const end = value.endsWith('A') ? 'B' : 'A'
  await browser.jar.setCookie(`portcullis=${value.slice(0, -1)}${end}; Path=/`, plain.url)
  assert.equal(accepted(await client.getSession()), null)
})

test('get-session with a revoked session keeps the cookie, and sign-out clears it', async () => {
  const { browser, client } = await newUser(plain)
  const cookie = (await browser.cookie()).clone()
  accepted(await client.signOut())
  await browser.jar.setCookie(cookie, plain.url)
  assert.equal(accepted(await client.getSession()), null)
  assert.equal((await browser.cookie()).value, cookie.value)
  accepted(await client.signOut())
  assert.equal(await browser.cookie(), undefined)
})
