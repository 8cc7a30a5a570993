import assert from 'node:assert/strict'
import { test } from 'node:test'
import { twoFactorClient } from 'better-auth/client/plugins'
import { Authenticator } from './support/authenticator.mjs'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { PASSWORD, newUser } from './support/people.mjs'
import { plain } from './support/servers.mjs'

/** A browser whose client has the plugin, and records where it is led. */
function browser() {
  const redirects = []
  const plugins = [twoFactorClient({ onTwoFactorRedirect: (context) => void redirects.push(context) })]
  return Object.assign(new Browser(plain, plugins), { redirects })
}

async function signIn({ client }, { email }) {
  return accepted(await client.signIn.email({ email, password: PASSWORD }))
}

/**
 * A user who has turned two-factor authentication on, in a browser. The server's clock stands still, so `code` returns
 * codes of the steps that are still accepted: 0 and 1.
 */
async function enrolled() {
  const user = await newUser(plain)
  const own = browser()
  const { user: { createdAt } } = await signIn(own, user)
  const { totpURI, backupCodes, method } = accepted(await own.client.twoFactor.enable({ password: PASSWORD }))
  assert.equal(method, 'totp')
  const app = new Authenticator(totpURI)
  const code = (later) => app.code(createdAt, later)
  const on = accepted(await own.client.twoFactor.verifyTotp({ code: code(-1) }))
  assert.equal(on.user.email, user.email)
  return { ...user, own, totpURI, backupCodes, code }
}

test('enabling two-factor returns a URI and ten codes, and the first code turns it on', async () => {
  const { own, totpURI, backupCodes } = await enrolled()
  assert.match(totpURI, /^otpauth:\/\/totp\/.+\?secret=[A-Z2-7]+&issuer=Portcullis&digits=6&period=30$/)
  assert.equal(new Set(backupCodes).size, 10)
  const { user } = accepted(await own.client.getSession())
  assert.equal(user.twoFactorEnabled, true)
  refused(await own.client.twoFactor.enable({ password: PASSWORD }), 400, 'TOTP_ALREADY_ENABLED')
})

test('sign-in with two-factor calls onTwoFactorRedirect, and a code completes it', async () => {
  const user = await enrolled()
  const here = browser()
  const answer = await signIn(here, user)
  assert.deepEqual(answer, { twoFactorRedirect: true, twoFactorMethods: ['totp'] })
  assert.deepEqual(here.redirects, [{ twoFactorMethods: ['totp'] }])
  assert.equal(accepted(await here.client.getSession()), null)
  const verified = accepted(await here.client.twoFactor.verifyTotp({ code: user.code(0) }))
  const { session } = accepted(await here.client.getSession())
  assert.equal(verified.token, session.id)
  assert.equal(verified.user.email, user.email)
})

test('code of two-factor is accepted once', async () => {
  const user = await enrolled()
  const [one, other] = [browser(), browser()]
  for (const here of [one, other]) await signIn(here, user)
  accepted(await one.client.twoFactor.verifyTotp({ code: user.code(0) }))
  refused(await other.client.twoFactor.verifyTotp({ code: user.code(0) }), 401, 'INVALID_CODE')
  accepted(await other.client.twoFactor.verifyTotp({ code: user.code(1) }))
})

test('backup code of two-factor completes a sign-in once', async () => {
  const user = await enrolled()
  const [code] = user.backupCodes
  const [one, other] = [browser(), browser()]
  for (const here of [one, other]) await signIn(here, user)
  accepted(await one.client.twoFactor.verifyBackupCode({ code }))
  refused(await other.client.twoFactor.verifyBackupCode({ code }), 401, 'INVALID_BACKUP_CODE')
})

test('sixth code of a two-factor sign-in returns TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE', async () => {
  const user = await enrolled()
  const here = browser()
  await signIn(here, user)
  const code = ['000000', '000001', '000002', '000003'].find((wrong) => ![0, -1, 1].map(user.code).includes(wrong))
  for (let attempt = 0; attempt < 5; attempt++) {
    refused(await here.client.twoFactor.verifyTotp({ code }), 401, 'INVALID_CODE')
  }
  const sixth = await here.client.twoFactor.verifyTotp({ code: user.code(0) })
  refused(sixth, 400, 'TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE')
})

test('code of two-factor without a sign-in returns INVALID_TWO_FACTOR_COOKIE', async () => {
  const { client } = browser()
  refused(await client.twoFactor.verifyTotp({ code: '123456' }), 401, 'INVALID_TWO_FACTOR_COOKIE')
  refused(await client.twoFactor.verifyBackupCode({ code: 'x' }), 401, 'INVALID_TWO_FACTOR_COOKIE')
})

test('trusted device of two-factor is not asked for a code, until trust ends', async () => {
  const user = await enrolled()
  const here = browser()
  await signIn(here, user)
  accepted(await here.client.twoFactor.verifyTotp({ code: user.code(0), trustDevice: true }))
  accepted(await here.client.signOut())
  assert.equal((await signIn(here, user)).user.email, user.email)
  accepted(await here.client.revokeOtherSessions())
  accepted(await here.client.signOut())
  assert.equal((await signIn(here, user)).twoFactorRedirect, true)
})

test('two-factor settings are changed right after a code', async () => {
  const user = await enrolled()
  const { client } = user.own
  const shown = accepted(await client.twoFactor.getTotpUri({ password: PASSWORD }))
  assert.deepEqual(shown, { totpURI: user.totpURI })
  const { status, backupCodes } = accepted(await client.twoFactor.generateBackupCodes({ password: PASSWORD }))
  assert.equal(status, true)
  assert.equal(backupCodes.length, 10)
  refused(await client.twoFactor.disable({ password: 'not the password' }), 400, 'INVALID_PASSWORD')
  assert.deepEqual(accepted(await client.twoFactor.disable({ password: PASSWORD })), { status: true })
  assert.equal(accepted(await client.getSession()).user.twoFactorEnabled, false)
  assert.equal((await signIn(browser(), user)).user.email, user.email)
})

test('two-factor settings need the second factor on a trusted device', async () => {
  const user = await enrolled()
  const here = browser()
  await signIn(here, user)
  accepted(await here.client.twoFactor.verifyTotp({ code: user.code(0), trustDevice: true }))
  accepted(await here.client.signOut())
  await signIn(here, user)
  refused(await here.client.twoFactor.disable({ password: PASSWORD }), 403, 'second_factor_required')
  accepted(await here.client.twoFactor.verifyTotp({ code: user.code(1) }))
  accepted(await here.client.twoFactor.disable({ password: PASSWORD }))
})

test('two-factor before it is set up returns the codes of the protocol', async () => {
  const user = await newUser(plain)
  const here = browser()
  await signIn(here, user)
  const { twoFactor } = here.client
  refused(await twoFactor.verifyTotp({ code: '123456' }), 400, 'TOTP_NOT_ENABLED')
  refused(await twoFactor.getTotpUri({ password: PASSWORD }), 400, 'TOTP_NOT_ENABLED')
  refused(await twoFactor.verifyBackupCode({ code: 'x' }), 400, 'BACKUP_CODES_NOT_ENABLED')
  refused(await twoFactor.generateBackupCodes({ password: PASSWORD }), 400, 'TWO_FACTOR_NOT_ENABLED')
  refused(await twoFactor.sendOtp(), 400, 'OTP_NOT_CONFIGURED')
  refused(await twoFactor.verifyOtp({ code: '123456' }), 400, 'OTP_NOT_CONFIGURED')
})
