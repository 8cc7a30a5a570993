import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Browser } from './browser.mjs'
import { Mailbox } from './mailbox.mjs'
import { accepted } from './outcome.mjs'

export const PASSWORD = 'correct horse battery staple'
export const OTHER_PASSWORD = 'another correct horse battery'

/** An address that nobody has. */
export function newAddress() {
  return `${randomUUID()}@example.com`
}

/** Somebody who has just signed up, in a browser of theirs. */
export async function newcomer(server) {
  const browser = new Browser(server)
  const email = newAddress()
  const signedUp = await browser.client.signUp.email({ name: 'Ada', email, password: PASSWORD })
  const { token, user } = accepted(signedUp)
  return { browser, client: browser.client, email, token, user, mailbox: new Mailbox(server, email) }
}

/** One more browser of somebody. */
export async function signedIn(server, { email, password = PASSWORD }) {
  const browser = new Browser(server)
  accepted(await browser.client.signIn.email({ email, password }))
  return browser
}

export async function isSignedIn(client) {
  return accepted(await client.getSession()) !== null
}

/** Follows the link that a newcomer was sent at sign-up. */
export async function verify({ browser, mailbox }) {
  const link = await mailbox.link('/api/auth/verify-email')
  accepted(await browser.client.verifyEmail({ query: { token: link.searchParams.get('token') } }))
}

/** Has an admin lock somebody out. */
export async function deactivate(server, user) {
  const admin = await signedIn(server, server.admin)
  const answer = await admin.post(`/api/admin/users/${user.id}/deactivate`, {})
  assert.equal(answer.status, 200)
}
