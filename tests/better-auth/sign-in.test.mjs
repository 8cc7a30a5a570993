import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, isSignedIn, uniqueEmail, newUser } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const signIn = (body) => new Browser(plain).client.signIn.email(body)

test('sign-in creates a session and returns its id as the token', async () => {
  const { email, user, token: first } = await newUser(plain)
  const { client } = new Browser(plain)
  const answer = accepted(await client.signIn.email({ email, password: PASSWORD }))
  const { token } = answer
  assert.deepEqual(answer, { redirect: false, token, user })
  assert.notEqual(token, first)
  assert.equal(accepted(await client.getSession()).session.id, token)
})

test('sign-in email is case-insensitive', async () => {
  const { email, user } = await newUser(plain)
  const answer = accepted(await signIn({ email: email.toUpperCase(), password: PASSWORD }))
  assert.equal(answer.user.id, user.id)
})

test('sign-in with a callback URL returns a redirect to it', async () => {
  const { email } = await newUser(plain)
  const answer = accepted(await signIn({ email, password: PASSWORD, callbackURL: '/welcome' }))
  assert.equal(answer.redirect, true)
  assert.equal(answer.url, '/welcome')
})

test('sign-in revokes the previous session of the browser', async () => {
  const { client, email, token } = await newUser(plain)
  accepted(await client.signIn.email({ email, password: PASSWORD }))
  const sessions = accepted(await client.listSessions())
  assert.equal(sessions.length, 1)
  assert.notEqual(sessions[0].id, token)
})

test('sign-in with a wrong password returns 401 and sets no cookie', async () => {
  const { email } = await newUser(plain)
  const browser = new Browser(plain)
  const answer = await browser.client.signIn.email({ email, password: OTHER_PASSWORD })
  refused(answer, 401, 'INVALID_EMAIL_OR_PASSWORD')
  assert.equal(await browser.cookie(), undefined)
})

test('sign-in with an unknown email returns the same error as a wrong password', async () => {
  const { email } = await newUser(plain)
  const unknown = await signIn({ email: uniqueEmail(), password: PASSWORD })
  const wrong = await signIn({ email, password: OTHER_PASSWORD })
  refused(unknown, 401, 'INVALID_EMAIL_OR_PASSWORD')
  assert.equal(unknown.error.message, wrong.error.message)
})

test('sign-in with a malformed email returns INVALID_EMAIL', async () => {
  refused(await signIn({ email: 'nowhere', password: PASSWORD }), 400, 'INVALID_EMAIL')
})

test('sign-in with an overlong password returns PASSWORD_TOO_LONG', async () => {
  const { email } = await newUser(plain)
  refused(await signIn({ email, password: 'x'.repeat(129) }), 400, 'PASSWORD_TOO_LONG')
})

for (const field of ['email', 'password']) {
  test(`sign-in without ${field} returns VALIDATION_ERROR`, async () => {
    const body = { email: uniqueEmail(), password: PASSWORD, [field]: undefined }
    refused(await signIn(body), 400, 'VALIDATION_ERROR')
  })
}

test('sign-in with an untrusted callback URL returns INVALID_CALLBACK_URL', async () => {
  const browser = new Browser(plain)
  const { email } = await newUser(plain)
  const body = { email, password: PASSWORD, callbackURL: 'https://foreign.example/' }
  refused(await browser.client.signIn.email(body), 403, 'INVALID_CALLBACK_URL')
  assert.equal(await isSignedIn(browser.client), false)
})
