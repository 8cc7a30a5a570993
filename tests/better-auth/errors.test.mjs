import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { refused } from './support/outcome.mjs'
import { newAddress, OTHER_PASSWORD } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const send = (options) => new Browser(plain).client.$fetch('/sign-in/email', { method: 'POST', ...options })

test('an error is a problem, with code and message where the client looks for them', async () => {
  let mediaType
  const { error } = await new Browser(plain).client.signIn.email({
    email: newAddress(),
    password: OTHER_PASSWORD,
    fetchOptions: {
      onError: ({ response }) => {
        mediaType = response.headers.get('content-type')
      },
    },
  })
  assert.equal(mediaType, 'application/problem+json')
  const { code, message, title, detail, status } = error
  assert.deepEqual(
    { code, title, status },
    { code: 'INVALID_EMAIL_OR_PASSWORD', title: 'Unauthorized', status: 401 },
  )
  assert.ok(message)
  assert.equal(detail, message)
})

test('what is no JSON is refused', async () => {
  const headers = { 'Content-Type': 'application/json' }
  refused(await send({ headers, body: '{' }), 400, 'BAD_REQUEST')
})

test('what is announced as something else than JSON is refused', async () => {
  const headers = { 'Content-Type': 'text/plain' }
  refused(await send({ headers, body: '{}' }), 415, 'UNSUPPORTED_MEDIA_TYPE')
})

test('what is too large is refused', async () => {
  const body = { email: newAddress(), password: 'x'.repeat(70_000) }
  refused(await send({ body }), 413, 'payload_too_large')
})

test('what is nowhere is not found', async () => {
  refused(await new Browser(plain).client.nowhere.atAll(), 404, 'not_found')
})

test('nothing at all lacks its fields', async () => {
  refused(await send({}), 400, 'VALIDATION_ERROR')
})
