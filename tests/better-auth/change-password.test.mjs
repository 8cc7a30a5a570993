import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, isSignedIn, newcomer, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const change = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD }

test('the new password signs in and the old one does not', async () => {
  const { client, email } = await newcomer(plain)
  accepted(await client.changePassword(change))
  const browser = new Browser(plain)
  const old = await browser.client.signIn.email({ email, password: PASSWORD })
  refused(old, 401, 'INVALID_EMAIL_OR_PASSWORD')
  accepted(await browser.client.signIn.email({ email, password: OTHER_PASSWORD }))
})

for (const choice of [{}, { revokeOtherSessions: true }]) {
  test(`a new session replaces all others with ${JSON.stringify(choice)}`, async () => {
    const ada = await newcomer(plain)
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

test('other sessions live on if that is wished', async () => {
  const ada = await newcomer(plain)
  const other = await signedIn(plain, ada)
  const answer = accepted(await ada.client.changePassword({ ...change, revokeOtherSessions: false }))
  assert.equal(answer.token, null)
  assert.equal(answer.user.id, ada.user.id)
  assert.equal(await isSignedIn(other.client), true)
  assert.equal(accepted(await ada.client.getSession()).session.id, ada.token)
})

test('the current password must be right', async () => {
  const { client } = await newcomer(plain)
  const answer = await client.changePassword({ ...change, currentPassword: OTHER_PASSWORD })
  refused(answer, 400, 'INVALID_PASSWORD')
  accepted(await client.verifyPassword({ password: PASSWORD }))
})

for (const [newPassword, code] of [
  ['seven c', 'PASSWORD_TOO_SHORT'],
  ['x'.repeat(129), 'PASSWORD_TOO_LONG'],
  ['Password1', 'PASSWORD_TOO_COMMON'],
]) {
  test(`a new password is refused as ${code}`, async () => {
    const { client } = await newcomer(plain)
    refused(await client.changePassword({ ...change, newPassword }), 400, code)
    accepted(await client.verifyPassword({ password: PASSWORD }))
  })
}

for (const field of Object.keys(change)) {
  test(`a password is not changed without ${field}`, async () => {
    const { client } = await newcomer(plain)
    const answer = await client.changePassword({ ...change, [field]: undefined })
    refused(answer, 400, 'VALIDATION_ERROR')
  })
}
