import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { PASSWORD, isSignedIn, uniqueEmail, newUser } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const from = (Origin) => ({ headers: { Origin } })

for (const [origin, code] of [
  ['https://foreign.example', 'INVALID_ORIGIN'],
  ['null', 'MISSING_OR_NULL_ORIGIN'],
]) {
  const fetchOptions = from(origin)

  test(`sign-up from ${origin} is rejected (CSRF)`, async () => {
    const { client } = new Browser(plain)
    const ada = { name: 'Ada', email: uniqueEmail(), password: PASSWORD }
    refused(await client.signUp.email({ ...ada, fetchOptions }), 403, code)
    accepted(await client.signUp.email(ada))
  })

  test(`sign-in from ${origin} is rejected (CSRF)`, async () => {
    const { email } = await newUser(plain)
    const { client } = new Browser(plain)
    refused(await client.signIn.email({ email, password: PASSWORD, fetchOptions }), 403, code)
    assert.equal(await isSignedIn(client), false)
  })

  test(`authenticated requests from ${origin} are rejected (CSRF)`, async () => {
    const { client, user } = await newUser(plain)
    refused(await client.updateUser({ name: 'Grace', fetchOptions }), 403, code)
    refused(await client.revokeSessions({ fetchOptions }), 403, code)
    refused(await client.signOut({ fetchOptions }), 403, code)
    assert.deepEqual(accepted(await client.getSession()).user, user)
  })
}

test('sign-out from the 127.0.0.1 origin of a localhost server is accepted', async () => {
  const { client } = await newUser(plain)
  const fetchOptions = from(plain.url.replace('localhost', '127.0.0.1'))
  accepted(await client.signOut({ fetchOptions }))
})
