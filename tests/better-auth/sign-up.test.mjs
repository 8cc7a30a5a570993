import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { PASSWORD, isSignedIn, uniqueEmail, newUser } from './support/people.mjs'
import { closed, plain } from './support/servers.mjs'

const ada = () => ({ name: 'Ada', email: uniqueEmail(), password: PASSWORD })
const signUp = (body, server = plain) => new Browser(server).client.signUp.email(body)

test('sign-up creates and returns the user', async () => {
  const wanted = { ...ada(), image: 'https://example.com/ada.png' }
  const { user } = accepted(await signUp(wanted))
  const { id, createdAt, updatedAt, ...rest } = user
  assert.deepEqual(rest, {
    name: 'Ada',
    email: wanted.email,
    emailVerified: false,
    image: 'https://example.com/ada.png',
    role: 'user',
    twoFactorEnabled: false,
  })
  assert.equal(typeof id, 'string')
  assert.ok(createdAt instanceof Date)
  assert.ok(updatedAt instanceof Date)
})

test('sign-up creates a session and returns its id as the token', async () => {
  const { client, token, user } = await newUser(plain)
  const current = accepted(await client.getSession())
  assert.equal(current.session.id, token)
  assert.deepEqual(current.user, user)
})

test('sign-up stores the email in lower case', async () => {
  const wanted = ada()
  const { user } = accepted(await signUp({ ...wanted, email: wanted.email.toUpperCase() }))
  assert.equal(user.email, wanted.email)
})

test('sign-up with a taken email returns 422', async () => {
  const { email } = await newUser(plain)
  refused(await signUp({ ...ada(), email }), 422, 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL')
})

for (const [password, code] of [
  ['seven c', 'PASSWORD_TOO_SHORT'],
  ['x'.repeat(129), 'PASSWORD_TOO_LONG'],
  ['Password1', 'PASSWORD_TOO_COMMON'],
]) {
  test(`sign-up with an invalid password returns ${code}`, async () => {
    refused(await signUp({ ...ada(), password }), 400, code)
  })
}

for (const field of ['name', 'email', 'password']) {
  test(`sign-up without ${field} returns VALIDATION_ERROR`, async () => {
    refused(await signUp({ ...ada(), [field]: undefined }), 400, 'VALIDATION_ERROR')
  })
}

test('sign-up with a malformed email returns a message that names the field', async () => {
  const answer = await signUp({ ...ada(), email: 'nowhere' })
  refused(answer, 400, 'VALIDATION_ERROR')
  assert.match(answer.error.message, /^\[body\.email\] /)
})

test('sign-up with a role returns FIELD_NOT_ALLOWED', async () => {
  refused(await signUp({ ...ada(), role: 'admin' }), 400, 'FIELD_NOT_ALLOWED')
})

test('sign-up ignores unknown and read-only fields', async () => {
  const { user } = accepted(await signUp({ ...ada(), emailVerified: true, unknown: 1 }))
  assert.equal(user.emailVerified, false)
  assert.ok(!('unknown' in user))
})

test('sign-up with an untrusted callback URL returns INVALID_CALLBACK_URL', async () => {
  const callbackURL = 'https://foreign.example/'
  refused(await signUp({ ...ada(), callbackURL }), 403, 'INVALID_CALLBACK_URL')
})

test('sign-up on a server with sign-up closed is rejected', async () => {
  const browser = new Browser(closed)
  refused(await browser.client.signUp.email(ada()), 400, 'EMAIL_PASSWORD_SIGN_UP_DISABLED')
  assert.equal(await isSignedIn(browser.client), false)
})
