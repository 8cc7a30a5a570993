import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'

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
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0]
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

export async function makeToken(site, cookie, body) {
  return (await answered(await ask(site, '/api/tokens', { cookie, body }))).body.token
}

/** Whether a sign-in with this password succeeds. */
export async function isLetIn(site, email, password) {
  const { status } = await ask(site, '/api/auth/sign-in/email', { body: { email, password } })
  assert.ok([200, 401].includes(status), `${status}`)
  return status === 200
}
