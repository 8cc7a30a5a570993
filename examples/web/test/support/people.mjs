import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Authenticator } from '../../../../tests/better-auth/support/authenticator.mjs'
import { development } from './servers.mjs'

export const PASSWORD = 'correct horse battery staple'

/** Returns an email without an account. */
export function uniqueEmail() {
  return `${randomUUID()}@example.com`
}

/** Sends a request to the API as a page does, and returns the answer and the session's new cookie, if it has one. */
async function post(path, body, cookie) {
  const headers = { 'Content-Type': 'application/json', Origin: new URL(development).origin }
  if (cookie) headers.Cookie = `${cookie.name}=${cookie.value}`
  const response = await fetch(new URL(path, development), { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await response.text()
  assert.ok(response.ok, text)
  const [pair] = response.headers.getSetCookie().filter((set) => set.startsWith('ledger='))
  const [name, value] = pair?.split(';')[0].split(/=(.*)/s) ?? []
  return { body: JSON.parse(text), cookie: pair ? { name, value } : cookie }
}

/** Signs up a user, who is called Ada. */
export async function newUser() {
  const email = uniqueEmail()
  const { cookie } = await post('/api/auth/sign-up/email', { name: 'Ada', email, password: PASSWORD })
  return { email, cookie }
}

/** Creates invoices with the numbers from 1 on. */
export async function createInvoices({ cookie }, count) {
  for (let number = 1; number <= count; number += 1) {
    const invoice = { number: `${number}`, customerName: 'Analytical Engines Ltd', amountCents: 100, dueDate: '2026-12-31' }
    await post('/api/invoices', invoice, cookie)
  }
}

/** Turns two-factor authentication on, and returns the next code of the app and the recovery codes. */
export async function enableTwoFactor({ cookie }) {
  const { body } = await post('/api/auth/two-factor/enable', { password: PASSWORD }, cookie)
  const app = new Authenticator(body.totpURI)
  await post('/api/auth/two-factor/verify-totp', { code: app.code(Date.now()) }, cookie)
  return { code: app.code(Date.now(), 1), recoveryCodes: body.backupCodes }
}
