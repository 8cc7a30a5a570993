import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, deactivate, newUser, secretOf } from './support/people.mjs'
import { plain } from './support/servers.mjs'

test('sign-in of a deactivated user returns USER_DEACTIVATED only for the correct password', async () => {
  const { email, user } = await newUser(plain)
  await deactivate(plain, user)
  const { client } = new Browser(plain)
  const signIn = (password) => client.signIn.email({ email, password })
  refused(await signIn(OTHER_PASSWORD), 401, 'INVALID_EMAIL_OR_PASSWORD')
  refused(await signIn(PASSWORD), 403, 'USER_DEACTIVATED')
})

test('get-session of a deactivated user returns no session', async () => {
  const { client, user } = await newUser(plain)
  await deactivate(plain, user)
  assert.equal(accepted(await client.getSession()), null)
})

test('verify-email of a deactivated user returns USER_DEACTIVATED', async () => {
  const { client, mailbox, user } = await newUser(plain)
  const token = secretOf(await mailbox.link('/verify-email'))
  await deactivate(plain, user)
  refused(await client.verifyEmail({ query: { token } }), 403, 'USER_DEACTIVATED')
})

test('reset-password of a deactivated user returns USER_DEACTIVATED', async () => {
  const { client, email, mailbox, user } = await newUser(plain)
  accepted(await client.requestPasswordReset({ email }))
  const link = await mailbox.link('/reset-password')
  await deactivate(plain, user)
  const token = new URLSearchParams(link.hash.slice(1)).get('token')
  const answer = await client.resetPassword({ newPassword: OTHER_PASSWORD, token })
  refused(answer, 403, 'USER_DEACTIVATED')
})
