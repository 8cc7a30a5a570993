import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, isSignedIn, newUser, secretOf, verify } from './support/people.mjs'
import { verifying } from './support/servers.mjs'

test('sign-up creates no session when verification is required', async () => {
  const { browser, client, email, token, user } = await newUser(verifying)
  assert.equal(token, null)
  assert.equal(user.email, email)
  assert.equal(await browser.cookie(), undefined)
  assert.equal(await isSignedIn(client), false)
})

test('sign-up with a taken email returns the same response as with a new one', async () => {
  const ada = await newUser(verifying)
  const browser = new Browser(verifying)
  const eve = { name: 'Eve', email: ada.email, password: OTHER_PASSWORD }
  const { token, user } = accepted(await browser.client.signUp.email(eve))
  assert.equal(token, null)
  assert.equal(await browser.cookie(), undefined)
  const { id, createdAt, updatedAt, ...rest } = user
  assert.notEqual(id, ada.user.id)
  assert.equal(id.length, ada.user.id.length)
  assert.ok(createdAt instanceof Date && updatedAt instanceof Date)
  const { id: _, createdAt: __, updatedAt: ___, ...real } = ada.user
  assert.deepEqual(rest, { ...real, name: 'Eve' })
})

test('sign-up with a taken email does not change the existing user', async () => {
  const ada = await newUser(verifying)
  await verify(ada)
  const browser = new Browser(verifying)
  const eve = { name: 'Eve', email: ada.email, password: OTHER_PASSWORD }
  accepted(await browser.client.signUp.email(eve))
  const signIn = (password) => browser.client.signIn.email({ email: ada.email, password })
  refused(await signIn(OTHER_PASSWORD), 401, 'INVALID_EMAIL_OR_PASSWORD')
  assert.equal(accepted(await signIn(PASSWORD)).user.name, 'Ada')
})

test('sign-in with an unverified email returns EMAIL_NOT_VERIFIED only for the correct password', async () => {
  const { client, email } = await newUser(verifying)
  const signIn = (password) => client.signIn.email({ email, password })
  refused(await signIn(OTHER_PASSWORD), 401, 'INVALID_EMAIL_OR_PASSWORD')
  refused(await signIn(PASSWORD), 403, 'EMAIL_NOT_VERIFIED')
  assert.equal(await isSignedIn(client), false)
})

test('sign-in after verify-email creates a session', async () => {
  const ada = await newUser(verifying)
  await verify(ada)
  const { token, user } = accepted(
    await ada.client.signIn.email({ email: ada.email, password: PASSWORD }),
  )
  assert.equal(user.emailVerified, true)
  assert.equal(accepted(await ada.client.getSession()).session.id, token)
})

test('send-verification-email sends another link that enables sign-in', async () => {
  const { client, email, mailbox } = await newUser(verifying)
  await mailbox.link('/verify-email')
  accepted(await client.sendVerificationEmail({ email }))
  const token = secretOf(await mailbox.link('/verify-email'))
  accepted(await client.verifyEmail({ query: { token } }))
  accepted(await client.signIn.email({ email, password: PASSWORD }))
})
