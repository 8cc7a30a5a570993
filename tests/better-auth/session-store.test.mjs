import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, uniqueEmail, newUser, verify } from './support/people.mjs'
import { plain } from './support/servers.mjs'

/** Subscribes to the session store as a page does, and waits until its value matches. */
function fetched(client, fits) {
  return new Promise((resolve, reject) => {
    const done = (settle, value) => {
      stop()
      clearTimeout(alarm)
      settle(value)
    }
    const alarm = setTimeout(() => done(reject, new Error('the store was not fetched again')), 10_000)
    const stop = client.useSession.listen(({ data, error, isRefetching }) => {
      if (error) done(reject, error)
      else if (!isRefetching && fits(data)) done(resolve, data)
    })
  })
}

const gone = (data) => data === null

async function signedInPage() {
  const ada = await newUser(plain)
  const filled = fetched(ada.client, (data) => data?.user.id === ada.user.id)
  await ada.client.useSession.get().refetch()
  await filled
  return ada
}

test('session store is filled after sign-up', async () => {
  const { client } = new Browser(plain)
  const email = uniqueEmail()
  const filled = fetched(client, (data) => data?.user.email === email)
  const { token } = accepted(await client.signUp.email({ name: 'Ada', email, password: PASSWORD }))
  const { session } = await filled
  assert.equal(session.id, token)
  assert.ok(session.expiresAt instanceof Date)
})

test('session store is filled after sign-in', async () => {
  const { email, user } = await newUser(plain)
  const { client } = new Browser(plain)
  const filled = fetched(client, (data) => data?.user.id === user.id)
  const { token } = accepted(await client.signIn.email({ email, password: PASSWORD }))
  assert.equal((await filled).session.id, token)
})

test('session store is cleared after sign-out', async () => {
  const { client } = await signedInPage()
  const emptied = fetched(client, gone)
  accepted(await client.signOut())
  await emptied
})

test('session store is cleared after revoke-sessions', async () => {
  const { client } = await signedInPage()
  const emptied = fetched(client, gone)
  accepted(await client.revokeSessions())
  await emptied
})

test('session store is cleared after delete-user', async () => {
  const { client } = await signedInPage()
  const emptied = fetched(client, gone)
  accepted(await client.deleteUser({ password: PASSWORD }))
  await emptied
})

test('session store has the new name after update-user', async () => {
  const { client } = await signedInPage()
  const renamed = fetched(client, (data) => data?.user.name === 'Grace')
  accepted(await client.updateUser({ name: 'Grace' }))
  await renamed
})

test('session store has the new session after change-password', async () => {
  const { client, token: before } = await signedInPage()
  const replaced = fetched(client, (data) => data && data.session.id !== before)
  const passwords = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD }
  const { token } = accepted(await client.changePassword(passwords))
  assert.equal((await replaced).session.id, token)
})

test('session store has the verified email after verify-email', async () => {
  const ada = await signedInPage()
  const verified = fetched(ada.client, (data) => data?.user.emailVerified)
  await verify(ada)
  await verified
})
