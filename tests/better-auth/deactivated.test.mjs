import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, deactivate, newcomer, secretOf } from './support/people.mjs'
import { plain } from './support/servers.mjs'

test('who is locked out is told so, after the right password only', async () => {
  const { email, user } = await newcomer(plain)
  await deactivate(plain, user)
  const { client } = new Browser(plain)
  const signIn = (password) => client.signIn.email({ email, password })
  refused(await signIn(OTHER_PASSWORD), 401, 'INVALID_EMAIL_OR_PASSWORD')
  refused(await signIn(PASSWORD), 403, 'USER_DEACTIVATED')
})

test('who is locked out has no session', async () => {
  const { client, user } = await newcomer(plain)
  await deactivate(plain, user)
  assert.equal(accepted(await client.getSession()), null)
})

test('who is locked out verifies no address', async () => {
  const { client, mailbox, user } = await newcomer(plain)
  const token = secretOf(await mailbox.link('/verify-email'))
  await deactivate(plain, user)
  refused(await client.verifyEmail({ query: { token } }), 403, 'USER_DEACTIVATED')
})

test('who is locked out chooses no password', async () => {
  const { client, email, mailbox, user } = await newcomer(plain)
  accepted(await client.requestPasswordReset({ email }))
  const link = await mailbox.link('/reset-password')
  await deactivate(plain, user)
  const token = new URLSearchParams(link.hash.slice(1)).get('token')
  const answer = await client.resetPassword({ newPassword: OTHER_PASSWORD, token })
  refused(answer, 403, 'USER_DEACTIVATED')
})
