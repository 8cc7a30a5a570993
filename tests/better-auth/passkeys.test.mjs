import assert from 'node:assert/strict'
import { test } from 'node:test'
import { passkeyClient } from '@better-auth/passkey/client'
import { twoFactorClient } from 'better-auth/client/plugins'
import { Authenticator } from './support/authenticator.mjs'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { PasskeyAuthenticator } from './support/passkeys.mjs'
import { PASSWORD, newUser } from './support/people.mjs'
import { plain } from './support/servers.mjs'

/** A browser whose client has the plugins, and records where it is led. */
function browser() {
  const redirects = []
  const onTwoFactorRedirect = (context) => void redirects.push(context)
  const plugins = [passkeyClient(), twoFactorClient({ onTwoFactorRedirect })]
  return Object.assign(new Browser(plain, plugins), { redirects })
}

/** A user with a passkey, signed in. */
async function withPasskey(algorithm) {
  const user = await newUser(plain)
  const { client } = browser()
  const { user: { createdAt } } = accepted(await client.signIn.email({ email: user.email, password: PASSWORD }))
  const authenticator = new PasskeyAuthenticator(plain, algorithm)
  authenticator.use()
  const passkey = accepted(await client.passkey.addPasskey({ name: 'My laptop' }))
  return { ...user, createdAt, client, authenticator, passkey }
}

test('passkey is added, listed, renamed and deleted', async () => {
  const { client, passkey, user } = await withPasskey()
  assert.equal(passkey.name, 'My laptop')
  assert.equal(passkey.userId, user.id)
  assert.equal(passkey.deviceType, 'singleDevice')
  const [listed] = accepted(await client.passkey.listUserPasskeys())
  assert.equal(listed.credentialID, passkey.credentialID)
  const renamed = accepted(await client.passkey.updatePasskey({ id: passkey.id, name: 'Work' }))
  assert.equal(renamed.passkey.name, 'Work')
  assert.deepEqual(accepted(await client.passkey.deletePasskey({ id: passkey.id })), { status: true })
  assert.deepEqual(accepted(await client.passkey.listUserPasskeys()), [])
  refused(await client.passkey.deletePasskey({ id: passkey.id }), 404, 'PASSKEY_NOT_FOUND')
})

test('passkey that the authenticator has already is not added again', async () => {
  const { client } = await withPasskey()
  refused(await client.passkey.addPasskey(), 400, 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED')
})

for (const algorithm of ['ES256', 'EdDSA', 'RS256']) {
  test(`passkey that signs by ${algorithm} signs in without an email`, async () => {
    const { user } = await withPasskey(algorithm)
    const here = browser()
    const { session, user: signedIn } = accepted(await here.client.signIn.passkey())
    assert.equal(signedIn.id, user.id)
    assert.deepEqual(session.amr, ['pop', 'user', 'mfa'])
    assert.equal(accepted(await here.client.getSession()).session.id, session.id)
  })
}

test('passkey that was deleted does not sign in', async () => {
  const { client, passkey } = await withPasskey()
  accepted(await client.passkey.deletePasskey({ id: passkey.id }))
  refused(await browser().client.signIn.passkey(), 401, 'PASSKEY_NOT_FOUND')
})

test('passkey of another page is refused', async () => {
  const { client } = await withPasskey()
  new PasskeyAuthenticator({ url: 'https://evil.example' }).use()
  refused(await client.passkey.addPasskey(), 400, 'FAILED_TO_VERIFY_REGISTRATION')
})

test('passkey without user verification calls onTwoFactorRedirect, and a code completes it', async () => {
  const { client, authenticator, createdAt } = await withPasskey()
  const { totpURI } = accepted(await client.twoFactor.enable({ password: PASSWORD }))
  const app = new Authenticator(totpURI)
  accepted(await client.twoFactor.verifyTotp({ code: app.code(createdAt, -1) }))
  authenticator.verifies = false
  const here = browser()
  accepted(await here.client.signIn.passkey())
  assert.deepEqual(here.redirects, [{ twoFactorMethods: ['totp'] }])
  assert.equal(accepted(await here.client.getSession()), null)
  accepted(await here.client.twoFactor.verifyTotp({ code: app.code(createdAt) }))
  assert.notEqual(accepted(await here.client.getSession()), null)
  authenticator.verifies = true
  const verified = browser()
  accepted(await verified.client.signIn.passkey())
  assert.deepEqual(verified.redirects, [])
})

test('passkey makes a session fresh again', async () => {
  const { client } = await withPasskey()
  const before = accepted(await client.getSession()).session
  const { session } = accepted(await client.signIn.passkey())
  assert.equal(session.id, before.id)
})
