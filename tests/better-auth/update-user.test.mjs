import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, refused } from './support/outcome.mjs'
import { uniqueEmail, newUser } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const current = async (client) => accepted(await client.getSession()).user

test('update-user with a name changes only the name', async () => {
  const { client, user } = await newUser(plain)
  assert.deepEqual(accepted(await client.updateUser({ name: 'Grace' })), { status: true })
  const { updatedAt, ...rest } = await current(client)
  assert.deepEqual({ ...rest, updatedAt: user.updatedAt }, { ...user, name: 'Grace' })
  assert.ok(updatedAt >= user.updatedAt)
})

test('update-user sets the image, and clears it with null', async () => {
  const { client } = await newUser(plain)
  const image = 'https://example.com/ada.png'
  accepted(await client.updateUser({ image }))
  assert.equal((await current(client)).image, image)
  accepted(await client.updateUser({ image: null }))
  assert.equal((await current(client)).image, null)
})

test('update-user with an email returns EMAIL_CAN_NOT_BE_UPDATED', async () => {
  const { client, email } = await newUser(plain)
  const answer = await client.updateUser({ name: 'Grace', email: uniqueEmail() })
  refused(answer, 400, 'EMAIL_CAN_NOT_BE_UPDATED')
  const { name, email: kept } = await current(client)
  assert.deepEqual({ name, kept }, { name: 'Ada', kept: email })
})

test('update-user with a role returns FIELD_NOT_ALLOWED', async () => {
  const { client } = await newUser(plain)
  refused(await client.updateUser({ name: 'Grace', role: 'admin' }), 400, 'FIELD_NOT_ALLOWED')
  assert.equal((await current(client)).role, 'user')
})

test('update-user ignores a null role', async () => {
  const { client } = await newUser(plain)
  accepted(await client.updateUser({ name: 'Grace', role: null }))
  assert.equal((await current(client)).role, 'user')
})

test('update-user ignores unknown and read-only fields', async () => {
  const { client } = await newUser(plain)
  accepted(await client.updateUser({ name: 'Grace', emailVerified: true, unknown: 1 }))
  assert.equal((await current(client)).emailVerified, false)
})

for (const body of [{ unknown: 1 }, { emailVerified: true }]) {
  test(`update-user with only ignored fields ${JSON.stringify(body)} returns no_fields_to_update`, async () => {
    const { client } = await newUser(plain)
    refused(await client.updateUser(body), 400, 'no_fields_to_update')
  })
}

for (const body of [{ name: 1 }, { name: '' }, { image: 1 }]) {
  test(`update-user with invalid fields ${JSON.stringify(body)} returns VALIDATION_ERROR`, async () => {
    const { client } = await newUser(plain)
    refused(await client.updateUser(body), 400, 'VALIDATION_ERROR')
  })
}
