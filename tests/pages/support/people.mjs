import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Authenticator } from '../../better-auth/support/authenticator.mjs'

export const PASSWORD = 'correct horse battery staple'
export const OTHER_PASSWORD = 'another correct horse battery'

/** Returns an email without an account. */
export function uniqueEmail() {
  return `${randomUUID()}@example.com`
}

/** Sends a request to the API with this cookie, as a page of the site does. */
export function ask({ url }, path, { cookie, method = 'POST', body } = {}) {
  const headers = { 'Content-Type': 'application/json', Origin: url }
  if (cookie) headers.Cookie = cookie
  return fetch(new URL(path, url), { method, headers, body: body && JSON.stringify(body) })
}

/** Sends a request to the API with this token, as a script does. */
export function withToken({ url }, token, path = '/api/me', method = 'GET') {
  return fetch(new URL(path, url), { method, headers: { Authorization: `Bearer ${token}` } })
}

async function answered(response) {
  const text = await response.text()
  assert.ok(response.ok, text)
  const pairs = response.headers.getSetCookie().map((cookie) => cookie.split(';')[0])
  const cookie = pairs.find((pair) => pair.startsWith('portcullis='))
  return { cookie, body: text && JSON.parse(text) }
}

/** Signs up a user, and returns the user with the session cookie. */
export async function newUser(site, { name = 'Ada', email = uniqueEmail() } = {}) {
  const body = { name, email, password: PASSWORD }
  const { cookie, body: { user } } = await answered(await ask(site, '/api/auth/sign-up/email', { body }))
  return { ...user, password: PASSWORD, cookie }
}

/** Signs a user in again, and returns the cookie. */
export async function signedIn(site, { email, password }) {
  const { cookie } = await answered(await ask(site, '/api/auth/sign-in/email', { body: { email, password } }))
  return cookie
}

/** Begins to set up two-factor authentication. */
export async function beginTwoFactor(site, { cookie, password }) {
  const { body } = await answered(await ask(site, '/api/auth/two-factor/enable', { cookie, body: { password } }))
  return { app: new Authenticator(body.totpURI), codes: body.backupCodes }
}

/** Turns two-factor authentication on, and returns the new session cookie. */
export async function enableTwoFactor(site, user) {
  const { app, codes } = await beginTwoFactor(site, user)
  const body = { code: app.code(user.createdAt) }
  const { cookie } = await answered(await ask(site, '/api/auth/two-factor/verify-totp', { cookie: user.cookie, body }))
  return { app, codes, cookie }
}

export async function makeToken(site, cookie, body) {
  return (await answered(await ask(site, '/api/tokens', { cookie, body }))).body.token
}

/** Whether a sign-in with this password succeeds. */
export async function isLetIn(site, email, password) {
  const { status } = await ask(site, '/api/auth/sign-in/email', { body: { email, password } })
  assert.ok([200, 401].includes(status), `${status}`)
  return status === 200
}
