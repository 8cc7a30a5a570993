import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, isSignedIn, newAddress, newcomer } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const signIn = (body) => new Browser(plain).client.signIn.email(body)

test('signing in begins a session, and the token is its id', async () => {
  const { email, user, token: first } = await newcomer(plain)
  const { client } = new Browser(plain)
  const answer = accepted(await client.signIn.email({ email, password: PASSWORD }))
  const { token } = answer
  assert.deepEqual(answer, { redirect: false, token, user })
  assert.notEqual(token, first)
  assert.equal(accepted(await client.getSession()).session.id, token)
})

test('an address has no upper and lower case', async () => {
  const { email, user } = await newcomer(plain)
  const answer = accepted(await signIn({ email: email.toUpperCase(), password: PASSWORD }))
  assert.equal(answer.user.id, user.id)
})

test('a callback is where the client goes next', async () => {
  const { email } = await newcomer(plain)
  const answer = accepted(await signIn({ email, password: PASSWORD, callbackURL: '/welcome' }))
  assert.equal(answer.redirect, true)
  assert.equal(answer.url, '/welcome')
})

test('signing in ends the session that the browser had', async () => {
  const { client, email, token } = await newcomer(plain)
  accepted(await client.signIn.email({ email, password: PASSWORD }))
  const sessions = accepted(await client.listSessions())
  assert.equal(sessions.length, 1)
  assert.notEqual(sessions[0].id, token)
})

test('a wrong password is refused, and no cookie is set', async () => {
  const { email } = await newcomer(plain)
  const browser = new Browser(plain)
  const answer = await browser.client.signIn.email({ email, password: OTHER_PASSWORD })
  refused(answer, 401, 'INVALID_EMAIL_OR_PASSWORD')
  assert.equal(await browser.cookie(), undefined)
})

test('an address that nobody has is refused in the same words', async () => {
  const { email } = await newcomer(plain)
  const unknown = await signIn({ email: newAddress(), password: PASSWORD })
  const wrong = await signIn({ email, password: OTHER_PASSWORD })
  refused(unknown, 401, 'INVALID_EMAIL_OR_PASSWORD')
  assert.equal(unknown.error.message, wrong.error.message)
})

test('what is no address is refused', async () => {
  refused(await signIn({ email: 'nowhere', password: PASSWORD }), 400, 'INVALID_EMAIL')
})

test('a password that is too long is refused', async () => {
  const { email } = await newcomer(plain)
  refused(await signIn({ email, password: 'x'.repeat(129) }), 400, 'PASSWORD_TOO_LONG')
})

for (const field of ['email', 'password']) {
  test(`nobody signs in without ${field}`, async () => {
    const body = { email: newAddress(), password: PASSWORD, [field]: undefined }
    refused(await signIn(body), 400, 'VALIDATION_ERROR')
  })
}

test('nobody is sent to a foreign page', async () => {
  const browser = new Browser(plain)
  const { email } = await newcomer(plain)
  const body = { email, password: PASSWORD, callbackURL: 'https://foreign.example/' }
  refused(await browser.client.signIn.email(body), 403, 'INVALID_CALLBACK_URL')
  assert.equal(await isSignedIn(browser.client), false)
})
