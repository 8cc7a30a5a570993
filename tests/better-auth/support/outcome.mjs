import assert from 'node:assert/strict'

/** What the client answered; it must not be an error. */
export function accepted({ data, error }) {
  assert.equal(error, null)
  return data
}

/** The client was told no: with this status, for this reason. */
export function refused({ data, error }, status, code) {
  assert.equal(data, null)
  assert.deepEqual({ status: error?.status, code: error?.code }, { status, code })
  assert.ok(error.message)
}

/** The browser is sent on to this address; answers how it was told. */
export function sentTo(response, address) {
  assert.equal(response.status, 302)
  const location = response.headers.get('location')
  assert.equal(new URL(location, response.url).href, address)
  return location
}

/** A page was told no. */
export async function pageRefused(response, status, code) {
  const { code: told } = await response.json()
  assert.deepEqual({ status: response.status, code: told }, { status, code })
}
