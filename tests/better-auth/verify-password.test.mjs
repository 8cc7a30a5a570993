import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, refused } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, newUser } from './support/people.mjs'
import { plain } from './support/servers.mjs'

test('verify-password with the correct password succeeds', async () => {
  const { client } = await newUser(plain)
  assert.deepEqual(accepted(await client.verifyPassword({ password: PASSWORD })), { status: true })
})

for (const password of [OTHER_PASSWORD, '', 'x'.repeat(129)]) {
  test(`verify-password with a wrong password of ${password.length} characters returns 400`, async () => {
    const { client } = await newUser(plain)
    refused(await client.verifyPassword({ password }), 400, 'INVALID_PASSWORD')
  })
}

test('verify-password without a password returns VALIDATION_ERROR', async () => {
  const { client } = await newUser(plain)
  const answer = await client.verifyPassword({ fetchOptions: { method: 'POST' } })
  refused(answer, 400, 'VALIDATION_ERROR')
})
