import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, isSignedIn, uniqueEmail, newUser } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const ACCOUNT_METHODS = {
  listSessions: (client, fetchOptions) => client.listSessions({ fetchOptions }),
  revokeSession: (client, fetchOptions) => client.revokeSession({ token: 'unknown', fetchOptions }),
  revokeSessions: (client, fetchOptions) => client.revokeSessions({ fetchOptions }),
  revokeOtherSessions: (client, fetchOptions) => client.revokeOtherSessions({ fetchOptions }),
  updateUser: (client, fetchOptions) => client.updateUser({ name: 'Grace', fetchOptions }),
  changePassword: (client, fetchOptions) =>
    client.changePassword({ currentPassword: PASSWORD, newPassword: OTHER_PASSWORD, fetchOptions }),
  verifyPassword: (client, fetchOptions) => client.verifyPassword({ password: PASSWORD, fetchOptions }),
  changeEmail: (client, fetchOptions) => client.changeEmail({ newEmail: uniqueEmail(), fetchOptions }),
  deleteUser: (client, fetchOptions) => client.deleteUser({ password: PASSWORD, fetchOptions }),
  listAccounts: (client, fetchOptions) => client.listAccounts({ fetchOptions }),
}

/** Returns the header with which a program of this user authenticates. */
async function apiToken({ browser }) {
  const answer = await browser.post('/api/tokens', { name: 'x' })
  const { token } = await answer.json()
  return { Authorization: `Bearer ${token}` }
}

for (const [name, call] of Object.entries(ACCOUNT_METHODS)) {
  test(`${name} without a session returns 401`, async () => {
    refused(await call(new Browser(plain).client), 401, 'UNAUTHORIZED')
  })

  test(`${name} with an API token returns 403 cookie_required`, async () => {
    const ada = await newUser(plain)
    const headers = await apiToken(ada)
    refused(await call(new Browser(plain).client, { headers }), 403, 'cookie_required')
    assert.equal(await isSignedIn(ada.client), true)
    accepted(await ada.client.verifyPassword({ password: PASSWORD }))
  })
}

test('get-session with an API token returns the user and a null session', async () => {
  const ada = await newUser(plain)
  const headers = await apiToken(ada)
  const { client } = new Browser(plain)
  const current = accepted(await client.getSession({ fetchOptions: { headers } }))
  assert.deepEqual(current, { session: null, user: ada.user })
})
