// The walkthrough of docs/tutorial.md, by operations of the server, with a client that openapi-typescript and openapi-fetch
// generate.

import assert from 'node:assert/strict'
import createClient from 'openapi-fetch'
import type { components, paths } from './schema.js'

type ErrorCode = components['schemas']['ErrorCode']

const base = process.argv[2] ?? assert.fail('usage: tour.js URL')
const email = 'typescript@example.com'
const password = 'correct horse battery staple'

/** A client that keeps the cookie and says where its page is from, as a browser does by itself. */
function browser() {
  const client = createClient<paths>({ baseUrl: base })
  let cookie = ''
  client.use({
    onRequest({ request }) {
      request.headers.set('Origin', base)
      if (cookie) request.headers.set('Cookie', cookie)
      return request
    },
    onResponse({ response }) {
      cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
    },
  })
  return client
}

/** A client with an API token. */
function script(token: string) {
  return createClient<paths>({ baseUrl: base, headers: { Authorization: `Bearer ${token}` } })
}

/** What a successful call answered. */
function accepted<T>({ data, error }: { data?: T; error?: unknown }): T {
  assert(data !== undefined, JSON.stringify(error))
  return data
}

function refused(answer: { error?: components['schemas']['Problem']; response: Response }, status: number, code: ErrorCode) {
  assert.equal(answer.response.status, status)
  assert.equal(answer.error?.code, code)
}

// Sign up.
const mary = browser()
const signUp = { name: 'Mary', email, password }
accepted(await mary.POST('/api/auth/sign-up/email', { body: signUp }))
const { user } = accepted(await mary.GET('/api/me'))
assert.equal(user.email, email)

// Create a token, and use the API with it.
const { token } = accepted(await mary.POST('/api/tokens', { body: { name: 'tour' } }))
const writer = script(token)
const { items } = accepted(await writer.GET('/api/tokens'))
assert.deepEqual(items.map(({ name }) => name), ['tour'])

// A read-only token is forbidden to change anything but itself.
const reading = accepted(await mary.POST('/api/tokens', { body: { name: 'reader', scopes: ['read'] } }))
const reader = script(reading.token)
const path = { params: { path: { id: user.id } } }
refused(await reader.POST('/api/admin/users/{id}/reactivate', path), 403, 'insufficient_scope')
assert.equal((await reader.DELETE('/api/tokens/current')).response.status, 204)
refused(await reader.GET('/api/me'), 401, 'token_invalid')

// An admin's script deactivates the user: the cookie and the token stop working with the next request.
const root = browser()
const signIn = { email: 'root@example.com', password: 'another correct horse battery' }
accepted(await root.POST('/api/auth/sign-in/email', { body: signIn }))
const rights = accepted(await root.POST('/api/tokens', { body: { name: 'admin', scopes: ['read', 'write', 'admin'] } }))
const operator = script(rights.token)
const found = accepted(await operator.GET('/api/admin/users', { params: { query: { search: email } } }))
assert.deepEqual(found.items.map(({ id }) => id), [user.id])
accepted(await operator.POST('/api/admin/users/{id}/deactivate', { ...path, body: {} }))
refused(await mary.GET('/api/me'), 401, 'UNAUTHORIZED')
refused(await writer.GET('/api/me'), 401, 'token_invalid')
console.log('The tour in TypeScript has ended as it should.')
