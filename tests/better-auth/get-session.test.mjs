import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted } from './support/outcome.mjs'
import { PASSWORD, newcomer } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const DAY = 24 * 60 * 60 * 1000

test('nobody is signed in at first', async () => {
  assert.equal(accepted(await new Browser(plain).client.getSession()), null)
})

test('a session says whose it is, from where, and until when', async () => {
  const { email, user } = await newcomer(plain)
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

test('dates are dates', async () => {
  const { client } = await newcomer(plain)
  const { session, user } = accepted(await client.getSession())
  const dates = [session.createdAt, session.updatedAt, session.expiresAt, user.createdAt, user.updatedAt]
  for (const date of dates) {
    assert.ok(date instanceof Date)
    assert.ok(Math.abs(date - Date.now()) < 8 * DAY)
  }
})

test('no answer holds what the cookie holds', async () => {
  const { browser } = await newcomer(plain)
  const { value } = await browser.cookie()
  const secrets = decodeURIComponent(value).match(/[\w-]{20,}/g)
  assert.ok(secrets.length > 0)
  for (const path of ['get-session', 'list-sessions']) {
    const body = await (await browser.open(`/api/auth/${path}`)).text()
    assert.match(body, /"token"/)
    for (const secret of secrets) assert.ok(!body.includes(secret))
  }
})

test('a session is never cached', async () => {
  const { browser } = await newcomer(plain)
  const { headers } = await browser.open('/api/auth/get-session')
  assert.match(headers.get('cache-control'), /no-store/)
  assert.equal(headers.get('pragma'), 'no-cache')
})

test('a cookie that somebody made up is nobody', async () => {
  const { browser, client } = await newcomer(plain)
  const { value } = await browser.cookie()
  const end = value.endsWith('A') ? 'B' : 'A'
  await browser.jar.setCookie(`portcullis=${value.slice(0, -1)}${end}; Path=/`, plain.url)
  assert.equal(accepted(await client.getSession()), null)
})

test('the cookie of a session that was ended stays, as a late answer could remove a newer one', async () => {
  const { browser, client } = await newcomer(plain)
  const cookie = (await browser.cookie()).clone()
  accepted(await client.signOut())
  await browser.jar.setCookie(cookie, plain.url)
  assert.equal(accepted(await client.getSession()), null)
  assert.equal((await browser.cookie()).value, cookie.value)
  accepted(await client.signOut())
  assert.equal(await browser.cookie(), undefined)
})
