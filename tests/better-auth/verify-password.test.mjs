import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, refused } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, newcomer } from './support/people.mjs'
import { plain } from './support/servers.mjs'

test('the right password is right', async () => {
  const { client } = await newcomer(plain)
  assert.deepEqual(accepted(await client.verifyPassword({ password: PASSWORD })), { status: true })
})

for (const password of [OTHER_PASSWORD, '', 'x'.repeat(129)]) {
  test(`a wrong password of ${password.length} characters is wrong`, async () => {
    const { client } = await newcomer(plain)
    refused(await client.verifyPassword({ password }), 400, 'INVALID_PASSWORD')
  })
}

test('a password must be said', async () => {
  const { client } = await newcomer(plain)
  const answer = await client.verifyPassword({ fetchOptions: { method: 'POST' } })
  refused(answer, 400, 'VALIDATION_ERROR')
})
