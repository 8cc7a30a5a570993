import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, pageRefused, refused, sentTo } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, isSignedIn, uniqueEmail, newUser, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const SENT = {
  status: true,
  message: 'If this email exists in our system, check your email for the reset link',
}

/** Signs up a user who requests a password reset, and returns the secret of the mailed link. */
async function userWithResetLink() {
  const ada = await newUser(plain)
  const visitor = new Browser(plain)
  assert.deepEqual(accepted(await visitor.client.requestPasswordReset({ email: ada.email })), SENT)
  const link = await ada.mailbox.link('/reset-password')
  return { ...ada, visitor, link, token: new URLSearchParams(link.hash.slice(1)).get('token') }
}

/** Signs up a user whose link redirects to a page. */
async function forgetfulOn(redirectTo) {
  const ada = await newUser(plain)
  const visitor = new Browser(plain)
  accepted(await visitor.client.requestPasswordReset({ email: ada.email, redirectTo }))
  const link = await ada.mailbox.link('/reset-password')
  return { ...ada, visitor, link, token: link.pathname.split('/').at(-1) }
}

test('reset link opens the reset-password page with the token in the fragment', async () => {
  const { link, token } = await userWithResetLink()
  assert.equal(link.href, `${plain.url}/reset-password#token=${token}`)
  assert.ok(token)
})

test('reset link sets the new password', async () => {
  const { email, visitor, token } = await userWithResetLink()
  const answer = await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token })
  assert.deepEqual(accepted(answer), { status: true })
  const old = await visitor.client.signIn.email({ email, password: PASSWORD })
  refused(old, 401, 'INVALID_EMAIL_OR_PASSWORD')
  accepted(await visitor.client.signIn.email({ email, password: OTHER_PASSWORD }))
})

test('reset-password revokes all sessions and creates none', async () => {
  const ada = await userWithResetLink()
  const other = await signedIn(plain, ada)
  accepted(await ada.client.resetPassword({ newPassword: OTHER_PASSWORD, token: ada.token }))
  for (const { client } of [ada, other]) assert.equal(await isSignedIn(client), false)
})

test('reset-password with a used token returns INVALID_TOKEN', async () => {
  const { email, visitor, token } = await userWithResetLink()
  accepted(await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token }))
  const again = await visitor.client.resetPassword({ newPassword: PASSWORD, token })
  refused(again, 400, 'INVALID_TOKEN')
  accepted(await visitor.client.signIn.email({ email, password: OTHER_PASSWORD }))
})

test('reset-password without a token returns INVALID_TOKEN', async () => {
  const { email, visitor } = await userWithResetLink()
  refused(await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD }), 400, 'INVALID_TOKEN')
  accepted(await visitor.client.signIn.email({ email, password: PASSWORD }))
})

test('reset-password with a superseded token returns INVALID_TOKEN', async () => {
  const { email, mailbox, visitor, token } = await userWithResetLink()
  accepted(await visitor.client.requestPasswordReset({ email }))
  const link = await mailbox.link('/reset-password')
  const older = await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token })
  refused(older, 400, 'INVALID_TOKEN')
  const newer = new URLSearchParams(link.hash.slice(1)).get('token')
  accepted(await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token: newer }))
})

test('reset-password with a token from before a password change returns INVALID_TOKEN', async () => {
  const { client, visitor, token } = await userWithResetLink()
  const passwords = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD }
  accepted(await client.changePassword(passwords))
  const answer = await visitor.client.resetPassword({ newPassword: PASSWORD, token })
  refused(answer, 400, 'INVALID_TOKEN')
})

for (const [newPassword, code] of [
  ['seven c', 'PASSWORD_TOO_SHORT'],
  ['x'.repeat(129), 'PASSWORD_TOO_LONG'],
  ['Password1', 'PASSWORD_TOO_COMMON'],
]) {
  test(`reset-password rejected with ${code} does not consume the token`, async () => {
    const { visitor, token } = await userWithResetLink()
    refused(await visitor.client.resetPassword({ newPassword, token }), 400, code)
    accepted(await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token }))
  })
}

test('reset-password with an unknown token returns INVALID_TOKEN', async () => {
  const { client } = new Browser(plain)
  const answer = await client.resetPassword({ newPassword: OTHER_PASSWORD, token: 'unknown' })
  refused(answer, 400, 'INVALID_TOKEN')
})

test('reset-password without a new password returns VALIDATION_ERROR', async () => {
  const { client } = new Browser(plain)
  refused(await client.resetPassword({ token: 'unknown' }), 400, 'VALIDATION_ERROR')
})

test('request-password-reset for an unknown email returns the same response', async () => {
  const { client } = new Browser(plain)
  assert.deepEqual(accepted(await client.requestPasswordReset({ email: uniqueEmail() })), SENT)
})

for (const body of [{ email: 'nowhere' }, { redirectTo: '/' }]) {
  test(`request-password-reset with body ${JSON.stringify(body)} returns VALIDATION_ERROR`, async () => {
    const { client } = new Browser(plain)
    refused(await client.requestPasswordReset(body), 400, 'VALIDATION_ERROR')
  })
}

test('reset link with redirectTo redirects there with the token and does not consume it', async () => {
  const { visitor, link, token } = await forgetfulOn(`${plain.app}/choose?from=mail`)
  assert.equal(link.origin + link.pathname, `${plain.url}/api/auth/reset-password/${token}`)
  assert.equal(link.searchParams.get('callbackURL'), `${plain.app}/choose?from=mail`)
  const address = `${plain.app}/choose?from=mail&token=${token}`
  for (let visit = 0; visit < 2; visit++) {
    assert.equal(sentTo(await visitor.open(link), address), address)
  }
  accepted(await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token }))
})

test('used reset link redirects to redirectTo with error INVALID_TOKEN', async () => {
  const { visitor, link, token } = await forgetfulOn(`${plain.app}/choose`)
  accepted(await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token }))
  sentTo(await visitor.open(link), `${plain.app}/choose?error=INVALID_TOKEN`)
})

test('request-password-reset and reset link reject an untrusted redirect URL', async () => {
  const { email } = await newUser(plain)
  const browser = new Browser(plain)
  const redirectTo = 'https://foreign.example/'
  const asked = await browser.client.requestPasswordReset({ email, redirectTo })
  refused(asked, 403, 'INVALID_REDIRECT_URL')
  const page = await browser.open('/api/auth/reset-password/unknown?callbackURL=https://foreign.example/')
  await pageRefused(page, 403, 'INVALID_CALLBACK_URL')
})

for (const redirectTo of ['/dashboard', '/']) {
  test(`request-password-reset to non-reset page ${redirectTo} returns INVALID_REDIRECT_URL`, async () => {
    const { email } = await newUser(plain)
    const asked = await new Browser(plain).client.requestPasswordReset({ email, redirectTo })
    refused(asked, 403, 'INVALID_REDIRECT_URL')
  })
}

test('reset link without a callback URL returns 400', async () => {
  const page = await new Browser(plain).open('/api/auth/reset-password/unknown')
  assert.equal(page.status, 400)
})
