import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, isSignedIn, newcomer, secretOf, verify } from './support/people.mjs'
import { verifying } from './support/servers.mjs'

test('signing up does not sign in', async () => {
  const { browser, client, email, token, user } = await newcomer(verifying)
  assert.equal(token, null)
  assert.equal(user.email, email)
  assert.equal(await browser.cookie(), undefined)
  assert.equal(await isSignedIn(client), false)
})

test('of an address that somebody has, nobody learns anything', async () => {
  const ada = await newcomer(verifying)
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

test('signing up again changes nothing about who has the address', async () => {
  const ada = await newcomer(verifying)
  await verify(ada)
  const browser = new Browser(verifying)
  const eve = { name: 'Eve', email: ada.email, password: OTHER_PASSWORD }
  accepted(await browser.client.signUp.email(eve))
  const signIn = (password) => browser.client.signIn.email({ email: ada.email, password })
  refused(await signIn(OTHER_PASSWORD), 401, 'INVALID_EMAIL_OR_PASSWORD')
  assert.equal(accepted(await signIn(PASSWORD)).user.name, 'Ada')
})

test('who has not verified their address is told so, after the right password only', async () => {
  const { client, email } = await newcomer(verifying)
  const signIn = (password) => client.signIn.email({ email, password })
  refused(await signIn(OTHER_PASSWORD), 401, 'INVALID_EMAIL_OR_PASSWORD')
  refused(await signIn(PASSWORD), 403, 'EMAIL_NOT_VERIFIED')
  assert.equal(await isSignedIn(client), false)
})

test('who has followed the link signs in', async () => {
  const ada = await newcomer(verifying)
  await verify(ada)
  const { token, user } = accepted(
    await ada.client.signIn.email({ email: ada.email, password: PASSWORD }),
  )
  assert.equal(user.emailVerified, true)
  assert.equal(accepted(await ada.client.getSession()).session.id, token)
})

test('another link comes to whoever asks for it', async () => {
  const { client, email, mailbox } = await newcomer(verifying)
  await mailbox.link('/verify-email')
  accepted(await client.sendVerificationEmail({ email }))
  const token = secretOf(await mailbox.link('/verify-email'))
  accepted(await client.verifyEmail({ query: { token } }))
  accepted(await client.signIn.email({ email, password: PASSWORD }))
})
