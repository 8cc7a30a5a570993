import assert from 'node:assert/strict'

/** Returns the data of the client's result, which must not be an error. */
export function accepted({ data, error }) {
  assert.equal(error, null)
  return data
}

/** Asserts that the client's result is an error with this status and code. */
export function refused({ data, error }, status, code) {
  assert.equal(data, null)
  assert.deepEqual({ status: error?.status, code: error?.code }, { status, code })
  assert.ok(error.message)
}

/** Asserts that a response redirects to this URL, and returns the Location as it was sent. */
export function sentTo(response, address) {
  assert.equal(response.status, 302)
  const location = response.headers.get('location')
  assert.equal(new URL(location, response.url).href, address)
  return location
}

/** Asserts that the response to a page is an error with this status and code. */
export async function pageRefused(response, status, code) {
  const { code: told } = await response.json()
  assert.deepEqual({ status: response.status, code: told }, { status, code })
}
