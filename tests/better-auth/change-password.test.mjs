import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, isSignedIn, newUser, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const change = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD }

test('sign-in after change-password works with the new password only', async () => {
  const { client, email } = await newUser(plain)
  accepted(await client.changePassword(change))
  const browser = new Browser(plain)
  const old = await browser.client.signIn.email({ email, password: PASSWORD })
  refused(old, 401, 'INVALID_EMAIL_OR_PASSWORD')
  accepted(await browser.client.signIn.email({ email, password: OTHER_PASSWORD }))
})

for (const choice of [{}, { revokeOtherSessions: true }]) {
  test(`change-password with ${JSON.stringify(choice)} replaces all sessions with a new one`, async () => {
    const ada = await newUser(plain)
    const other = await signedIn(plain, ada)
    const cookie = (await ada.browser.cookie()).clone()
    const { token, user } = accepted(await ada.client.changePassword({ ...change, ...choice }))
    assert.equal(user.id, ada.user.id)
    assert.notEqual(token, ada.token)

    const sessions = accepted(await ada.client.listSessions())
    assert.deepEqual(sessions.map(({ id }) => id), [token])
    assert.equal(await isSignedIn(other.client), false)
    await other.jar.setCookie(cookie, plain.url)
    assert.equal(await isSignedIn(other.client), false)
  })
}

test('change-password with revokeOtherSessions false keeps all sessions', async () => {
  const ada = await newUser(plain)
  const other = await signedIn(plain, ada)
  const answer = accepted(await ada.client.changePassword({ ...change, revokeOtherSessions: false }))
  assert.equal(answer.token, null)
  assert.equal(answer.user.id, ada.user.id)
  assert.equal(await isSignedIn(other.client), true)
  assert.equal(accepted(await ada.client.getSession()).session.id, ada.token)
})

test('change-password with a wrong current password returns INVALID_PASSWORD', async () => {
  const { client } = await newUser(plain)
  const answer = await client.changePassword({ ...change, currentPassword: OTHER_PASSWORD })
  refused(answer, 400, 'INVALID_PASSWORD')
  accepted(await client.verifyPassword({ password: PASSWORD }))
})

for (const [newPassword, code] of [
  ['seven c', 'PASSWORD_TOO_SHORT'],
  ['x'.repeat(129), 'PASSWORD_TOO_LONG'],
  ['Password1', 'PASSWORD_TOO_COMMON'],
]) {
  test(`change-password with an invalid new password returns ${code}`, async () => {
    const { client } = await newUser(plain)
    refused(await client.changePassword({ ...change, newPassword }), 400, code)
    accepted(await client.verifyPassword({ password: PASSWORD }))
  })
}

for (const field of Object.keys(change)) {
  test(`change-password without ${field} returns VALIDATION_ERROR`, async () => {
    const { client } = await newUser(plain)
    const answer = await client.changePassword({ ...change, [field]: undefined })
    refused(answer, 400, 'VALIDATION_ERROR')
  })
}
