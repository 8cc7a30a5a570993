import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, pageRefused, refused, sentTo } from './support/outcome.mjs'
import { OTHER_PASSWORD, PASSWORD, isSignedIn, newAddress, newcomer, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const SENT = {
  status: true,
  message: 'If this email exists in our system, check your email for the reset link',
}

/** Signs up a user who requests a password reset, and returns the secret of the mailed link. */
async function forgetful() {
  const ada = await newcomer(plain)
  const visitor = new Browser(plain)
  assert.deepEqual(accepted(await visitor.client.requestPasswordReset({ email: ada.email })), SENT)
  const link = await ada.mailbox.link('/reset-password')
  return { ...ada, visitor, link, token: new URLSearchParams(link.hash.slice(1)).get('token') }
}

/** Signs up a user whose link redirects to a page. */
async function forgetfulOn(redirectTo) {
  const ada = await newcomer(plain)
  const visitor = new Browser(plain)
  accepted(await visitor.client.requestPasswordReset({ email: ada.email, redirectTo }))
  const link = await ada.mailbox.link('/reset-password')
  return { ...ada, visitor, link, token: link.pathname.split('/').at(-1) }
}

test('a mailed link leads to the page that asks for a password', async () => {
  const { link, token } = await forgetful()
  assert.equal(link.href, `${plain.url}/reset-password#token=${token}`)
  assert.ok(token)
})

test('whoever has the link chooses the password', async () => {
  const { email, visitor, token } = await forgetful()
  const answer = await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token })
  assert.deepEqual(accepted(answer), { status: true })
  const old = await visitor.client.signIn.email({ email, password: PASSWORD })
  refused(old, 401, 'INVALID_EMAIL_OR_PASSWORD')
  accepted(await visitor.client.signIn.email({ email, password: OTHER_PASSWORD }))
})

test('a reset ends every session and begins none', async () => {
  const ada = await forgetful()
  const other = await signedIn(plain, ada)
  accepted(await ada.client.resetPassword({ newPassword: OTHER_PASSWORD, token: ada.token }))
  for (const { client } of [ada, other]) assert.equal(await isSignedIn(client), false)
})

test('the link works once', async () => {
  const { email, visitor, token } = await forgetful()
  accepted(await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token }))
  const again = await visitor.client.resetPassword({ newPassword: PASSWORD, token })
  refused(again, 400, 'INVALID_TOKEN')
  accepted(await visitor.client.signIn.email({ email, password: OTHER_PASSWORD }))
})

test('without a token there is no link', async () => {
  const { email, visitor } = await forgetful()
  refused(await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD }), 400, 'INVALID_TOKEN')
  accepted(await visitor.client.signIn.email({ email, password: PASSWORD }))
})

test('a newer link takes the place of an older one', async () => {
  const { email, mailbox, visitor, token } = await forgetful()
  accepted(await visitor.client.requestPasswordReset({ email }))
  const link = await mailbox.link('/reset-password')
  const older = await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token })
  refused(older, 400, 'INVALID_TOKEN')
  const newer = new URLSearchParams(link.hash.slice(1)).get('token')
  accepted(await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token: newer }))
})

test('a link is of no use once the password is changed', async () => {
  const { client, visitor, token } = await forgetful()
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
  test(`a password that is refused as ${code} does not spend the link`, async () => {
    const { visitor, token } = await forgetful()
    refused(await visitor.client.resetPassword({ newPassword, token }), 400, code)
    accepted(await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token }))
  })
}

test('a link that nobody sent opens nothing', async () => {
  const { client } = new Browser(plain)
  const answer = await client.resetPassword({ newPassword: OTHER_PASSWORD, token: 'unknown' })
  refused(answer, 400, 'INVALID_TOKEN')
})

test('a new password must be said', async () => {
  const { client } = new Browser(plain)
  refused(await client.resetPassword({ token: 'unknown' }), 400, 'VALIDATION_ERROR')
})

test('of an address that nobody has, nobody learns anything', async () => {
  const { client } = new Browser(plain)
  assert.deepEqual(accepted(await client.requestPasswordReset({ email: newAddress() })), SENT)
})

for (const body of [{ email: 'nowhere' }, { redirectTo: '/' }]) {
  test(`there is no address in ${JSON.stringify(body)}`, async () => {
    const { client } = new Browser(plain)
    refused(await client.requestPasswordReset(body), 400, 'VALIDATION_ERROR')
  })
}

test('with a page to go to, the link leads there with the token and leaves it whole', async () => {
  const { visitor, link, token } = await forgetfulOn(`${plain.app}/choose?from=mail`)
  assert.equal(link.origin + link.pathname, `${plain.url}/api/auth/reset-password/${token}`)
  assert.equal(link.searchParams.get('callbackURL'), `${plain.app}/choose?from=mail`)
  const address = `${plain.app}/choose?from=mail&token=${token}`
  for (let visit = 0; visit < 2; visit++) {
    assert.equal(sentTo(await visitor.open(link), address), address)
  }
  accepted(await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token }))
})

test('a spent link leads to the page with an error', async () => {
  const { visitor, link, token } = await forgetfulOn(`${plain.app}/choose`)
  accepted(await visitor.client.resetPassword({ newPassword: OTHER_PASSWORD, token }))
  sentTo(await visitor.open(link), `${plain.app}/choose?error=INVALID_TOKEN`)
})

test('no link leads to a foreign page', async () => {
  const { email } = await newcomer(plain)
  const browser = new Browser(plain)
  const redirectTo = 'https://foreign.example/'
  const asked = await browser.client.requestPasswordReset({ email, redirectTo })
  refused(asked, 403, 'INVALID_REDIRECT_URL')
  const page = await browser.open('/api/auth/reset-password/unknown?callbackURL=https://foreign.example/')
  await pageRefused(page, 403, 'INVALID_CALLBACK_URL')
})

for (const redirectTo of ['/dashboard', '/']) {
  test(`no link leads to ${redirectTo}, where no password is chosen`, async () => {
    const { email } = await newcomer(plain)
    const asked = await new Browser(plain).client.requestPasswordReset({ email, redirectTo })
    refused(asked, 403, 'INVALID_REDIRECT_URL')
  })
}

test('a link without a page to go to is refused', async () => {
  const page = await new Browser(plain).open('/api/auth/reset-password/unknown')
  assert.equal(page.status, 400)
})
