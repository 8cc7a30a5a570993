import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { PASSWORD, isSignedIn, newAddress, newcomer } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const from = (Origin) => ({ headers: { Origin } })

for (const [origin, code] of [
  ['https://foreign.example', 'INVALID_ORIGIN'],
  ['null', 'MISSING_OR_NULL_ORIGIN'],
]) {
  const fetchOptions = from(origin)

  test(`a page from ${origin} signs nobody up`, async () => {
    const { client } = new Browser(plain)
    const ada = { name: 'Ada', email: newAddress(), password: PASSWORD }
    refused(await client.signUp.email({ ...ada, fetchOptions }), 403, code)
    accepted(await client.signUp.email(ada))
  })

  test(`a page from ${origin} signs nobody in`, async () => {
    const { email } = await newcomer(plain)
    const { client } = new Browser(plain)
    refused(await client.signIn.email({ email, password: PASSWORD, fetchOptions }), 403, code)
    assert.equal(await isSignedIn(client), false)
  })

  test(`a page from ${origin} changes nothing in the name of who is signed in`, async () => {
    const { client, user } = await newcomer(plain)
    refused(await client.updateUser({ name: 'Grace', fetchOptions }), 403, code)
    refused(await client.revokeSessions({ fetchOptions }), 403, code)
    refused(await client.signOut({ fetchOptions }), 403, code)
    assert.deepEqual(accepted(await client.getSession()).user, user)
  })
}

test('a page that is reached by the other name of the server is trusted', async () => {
  const { client } = await newcomer(plain)
  const fetchOptions = from(plain.url.replace('localhost', '127.0.0.1'))
  accepted(await client.signOut({ fetchOptions }))
})
