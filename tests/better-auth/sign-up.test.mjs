import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { PASSWORD, isSignedIn, newAddress, newcomer } from './support/people.mjs'
import { closed, plain } from './support/servers.mjs'

const ada = () => ({ name: 'Ada', email: newAddress(), password: PASSWORD })
const signUp = (body, server = plain) => new Browser(server).client.signUp.email(body)

test('signing up makes a user', async () => {
  const wanted = { ...ada(), image: 'https://example.com/ada.png' }
  const { user } = accepted(await signUp(wanted))
  const { id, createdAt, updatedAt, ...rest } = user
  assert.deepEqual(rest, {
    name: 'Ada',
    email: wanted.email,
    emailVerified: false,
    image: 'https://example.com/ada.png',
    role: 'user',
  })
  assert.equal(typeof id, 'string')
  assert.ok(createdAt instanceof Date)
  assert.ok(updatedAt instanceof Date)
})

test('signing up signs in, and the token is the id of the session', async () => {
  const { client, token, user } = await newcomer(plain)
  const current = accepted(await client.getSession())
  assert.equal(current.session.id, token)
  assert.deepEqual(current.user, user)
})

test('an address is kept in lower case', async () => {
  const wanted = ada()
  const { user } = accepted(await signUp({ ...wanted, email: wanted.email.toUpperCase() }))
  assert.equal(user.email, wanted.email)
})

test('an address is given once', async () => {
  const { email } = await newcomer(plain)
  refused(await signUp({ ...ada(), email }), 422, 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL')
})

for (const [password, code] of [
  ['seven c', 'PASSWORD_TOO_SHORT'],
  ['x'.repeat(129), 'PASSWORD_TOO_LONG'],
  ['Password1', 'PASSWORD_TOO_COMMON'],
]) {
  test(`a password is refused as ${code}`, async () => {
    refused(await signUp({ ...ada(), password }), 400, code)
  })
}

for (const field of ['name', 'email', 'password']) {
  test(`nobody signs up without ${field}`, async () => {
    refused(await signUp({ ...ada(), [field]: undefined }), 400, 'VALIDATION_ERROR')
  })
}

test('what is not valid is named in the message', async () => {
  const answer = await signUp({ ...ada(), email: 'nowhere' })
  refused(answer, 400, 'VALIDATION_ERROR')
  assert.match(answer.error.message, /^\[body\.email\] /)
})

test('nobody chooses a role', async () => {
  refused(await signUp({ ...ada(), role: 'admin' }), 400, 'FIELD_NOT_ALLOWED')
})

test('a field that is not known is dropped', async () => {
  const { user } = accepted(await signUp({ ...ada(), emailVerified: true, unknown: 1 }))
  assert.equal(user.emailVerified, false)
  assert.ok(!('unknown' in user))
})

test('nobody is sent to a foreign page', async () => {
  const callbackURL = 'https://foreign.example/'
  refused(await signUp({ ...ada(), callbackURL }), 403, 'INVALID_CALLBACK_URL')
})

test('a closed door is closed', async () => {
  const browser = new Browser(closed)
  refused(await browser.client.signUp.email(ada()), 400, 'EMAIL_PASSWORD_SIGN_UP_DISABLED')
  assert.equal(await isSignedIn(browser.client), false)
})
