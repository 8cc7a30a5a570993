import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, refused } from './support/outcome.mjs'
import { newAddress, newcomer } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const current = async (client) => accepted(await client.getSession()).user

test('a user changes their name and nothing else', async () => {
  const { client, user } = await newcomer(plain)
  assert.deepEqual(accepted(await client.updateUser({ name: 'Grace' })), { status: true })
  const { updatedAt, ...rest } = await current(client)
  assert.deepEqual({ ...rest, updatedAt: user.updatedAt }, { ...user, name: 'Grace' })
  assert.ok(updatedAt >= user.updatedAt)
})

test('a user sets their image and clears it', async () => {
  const { client } = await newcomer(plain)
  const image = 'https://example.com/ada.png'
  accepted(await client.updateUser({ image }))
  assert.equal((await current(client)).image, image)
  accepted(await client.updateUser({ image: null }))
  assert.equal((await current(client)).image, null)
})

test('an address is not changed so easily', async () => {
  const { client, email } = await newcomer(plain)
  const answer = await client.updateUser({ name: 'Grace', email: newAddress() })
  refused(answer, 400, 'EMAIL_CAN_NOT_BE_UPDATED')
  const { name, email: kept } = await current(client)
  assert.deepEqual({ name, kept }, { name: 'Ada', kept: email })
})

test('nobody promotes themselves', async () => {
  const { client } = await newcomer(plain)
  refused(await client.updateUser({ name: 'Grace', role: 'admin' }), 400, 'FIELD_NOT_ALLOWED')
  assert.equal((await current(client)).role, 'user')
})

test('a role that says nothing is dropped', async () => {
  const { client } = await newcomer(plain)
  accepted(await client.updateUser({ name: 'Grace', role: null }))
  assert.equal((await current(client)).role, 'user')
})

test('a field that is not known is dropped', async () => {
  const { client } = await newcomer(plain)
  accepted(await client.updateUser({ name: 'Grace', emailVerified: true, unknown: 1 }))
  assert.equal((await current(client)).emailVerified, false)
})

for (const body of [{ unknown: 1 }, { emailVerified: true }]) {
  test(`there is nothing to update in ${JSON.stringify(body)}`, async () => {
    const { client } = await newcomer(plain)
    refused(await client.updateUser(body), 400, 'no_fields_to_update')
  })
}

for (const body of [{ name: 1 }, { name: '' }, { image: 1 }]) {
  test(`a user cannot become ${JSON.stringify(body)}`, async () => {
    const { client } = await newcomer(plain)
    refused(await client.updateUser(body), 400, 'VALIDATION_ERROR')
  })
}
