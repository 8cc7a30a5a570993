import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { refused } from './support/outcome.mjs'
import { uniqueEmail, OTHER_PASSWORD } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const send = (options) => new Browser(plain).client.$fetch('/sign-in/email', { method: 'POST', ...options })

test('error response is problem+json with the code and message that the client reads', async () => {
  let mediaType
  const { error } = await new Browser(plain).client.signIn.email({
    email: uniqueEmail(),
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

test('malformed JSON returns 400', async () => {
  const headers = { 'Content-Type': 'application/json' }
  refused(await send({ headers, body: '{' }), 400, 'BAD_REQUEST')
})

test('non-JSON content type returns 415', async () => {
  const headers = { 'Content-Type': 'text/plain' }
  refused(await send({ headers, body: '{}' }), 415, 'UNSUPPORTED_MEDIA_TYPE')
})

test('oversized request body returns 413', async () => {
  const body = { email: uniqueEmail(), password: 'x'.repeat(70_000) }
  refused(await send({ body }), 413, 'payload_too_large')
})

test('unknown path returns 404', async () => {
  refused(await new Browser(plain).client.nowhere.atAll(), 404, 'not_found')
})

test('empty request body returns VALIDATION_ERROR', async () => {
  refused(await send({}), 400, 'VALIDATION_ERROR')
})
