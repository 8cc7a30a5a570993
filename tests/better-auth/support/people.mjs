import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Browser } from './browser.mjs'
import { Mailbox } from './mailbox.mjs'
import { accepted } from './outcome.mjs'

export const PASSWORD = 'correct horse battery staple'
export const OTHER_PASSWORD = 'another correct horse battery'

/** Returns an email without an account. */
export function uniqueEmail() {
  return `${randomUUID()}@example.com`
}

/** Signs up a user in a browser of their own. */
export async function newUser(server) {
  const browser = new Browser(server)
  const email = uniqueEmail()
  const signedUp = await browser.client.signUp.email({ name: 'Ada', email, password: PASSWORD })
  const { token, user } = accepted(signedUp)
  return { browser, client: browser.client, email, token, user, mailbox: new Mailbox(server, email) }
}

/** Signs a user in with another browser. */
export async function signedIn(server, { email, password = PASSWORD }) {
  const browser = new Browser(server)
  accepted(await browser.client.signIn.email({ email, password }))
  return browser
}

export async function isSignedIn(client) {
  return accepted(await client.getSession()) !== null
}

/** Returns the secret that a mailed link carries in its fragment, for the page that it leads to. */
export function secretOf(link) {
  return new URLSearchParams(link.hash.slice(1)).get('token')
}

/** Returns the protocol's own URL for a mailed link, to which a client of another page may send its browser. */
export function byGet(link, path = '/api/auth/verify-email') {
  const address = new URL(path, link)
  address.searchParams.set('token', secretOf(link))
  const callback = link.searchParams.get('callbackURL')
  if (callback) address.searchParams.set('callbackURL', callback)
  return address
}

/** Follows the link that was mailed at sign-up. */
export async function verify({ browser, mailbox }) {
  accepted(await browser.client.verifyEmail({ query: { token: secretOf(await mailbox.link('/verify-email')) } }))
}

/** Has an admin deactivate a user. */
export async function deactivate(server, user) {
  const admin = await signedIn(server, server.admin)
  const answer = await admin.post(`/api/admin/users/${user.id}/deactivate`, {})
  assert.equal(answer.status, 200)
}
