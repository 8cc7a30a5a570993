import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { Mailbox } from './support/mailbox.mjs'
import { accepted, pageRefused, refused, sentTo } from './support/outcome.mjs'
import { PASSWORD, byGet, isSignedIn, uniqueEmail, newUser, secretOf, signedIn, verify } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const VERIFY = '/verify-email'
const FOREIGN = 'https://foreign.example/'

const isVerified = async (client) => accepted(await client.getSession()).user.emailVerified

test('verify-email with the sign-up token verifies the email', async () => {
  const { client, mailbox } = await newUser(plain)
  const token = secretOf(await mailbox.link(VERIFY))
  const answer = accepted(await client.verifyEmail({ query: { token } }))
  assert.deepEqual(answer, { status: true, user: null })
  assert.equal(await isVerified(client), true)
})

test('opening the page of the verification link does not verify the email', async () => {
  const { client, mailbox } = await newUser(plain)
  const page = await new Browser(plain).open(await mailbox.link(VERIFY))
  assert.equal(page.status, 200)
  assert.equal(await isVerified(client), false)
})

test('verify-email without a session verifies, creates no session and revokes existing ones', async () => {
  const ada = await newUser(plain)
  const token = secretOf(await ada.mailbox.link(VERIFY))
  const visitor = new Browser(plain)
  accepted(await visitor.client.verifyEmail({ query: { token } }))
  assert.equal(await visitor.cookie(), undefined)
  assert.equal(await isSignedIn(ada.client), false)
  const { client } = await signedIn(plain, ada)
  assert.equal(await isVerified(client), true)
})

test('verify-email with a used token succeeds', async () => {
  const { client, mailbox } = await newUser(plain)
  const token = secretOf(await mailbox.link(VERIFY))
  for (let visit = 0; visit < 2; visit++) {
    assert.deepEqual(accepted(await client.verifyEmail({ query: { token } })), { status: true, user: null })
  }
})

test('verify-email with an unknown token returns INVALID_TOKEN', async () => {
  const { client } = new Browser(plain)
  refused(await client.verifyEmail({ query: { token: 'unknown' } }), 401, 'INVALID_TOKEN')
})

test('verification link redirects to the sign-up callback URL, with an error if invalid', async () => {
  const { client } = new Browser(plain)
  const email = uniqueEmail()
  const ada = { name: 'Ada', email, password: PASSWORD, callbackURL: '/welcome?a=b' }
  accepted(await client.signUp.email(ada))
  const link = byGet(await new Mailbox(plain, email).link(VERIFY))
  const visitor = new Browser(plain)
  for (let visit = 0; visit < 2; visit++) sentTo(await visitor.open(link), `${plain.url}/welcome?a=b`)
  link.searchParams.set('token', 'unknown')
  sentTo(await visitor.open(link), `${plain.url}/welcome?a=b&error=INVALID_TOKEN`)
})

test('verification link with an untrusted callback URL returns INVALID_CALLBACK_URL', async () => {
  const { browser, client, mailbox } = await newUser(plain)
  const link = byGet(await mailbox.link(VERIFY))
  link.searchParams.set('callbackURL', FOREIGN)
  await pageRefused(await browser.open(link), 403, 'INVALID_CALLBACK_URL')
  assert.equal(await isVerified(client), false)
})

test('send-verification-email sends another link that redirects to the callback URL', async () => {
  const { browser, client, email, mailbox } = await newUser(plain)
  await mailbox.link(VERIFY)
  const answer = await client.sendVerificationEmail({ email, callbackURL: '/welcome' })
  assert.deepEqual(accepted(answer), { status: true })
  const link = byGet(await mailbox.link(VERIFY))
  sentTo(await browser.open(link), `${plain.url}/welcome`)
  assert.equal(await isVerified(client), true)
})

test('send-verification-email without a session sends another link', async () => {
  const { client, email, mailbox } = await newUser(plain)
  await mailbox.link(VERIFY)
  accepted(await new Browser(plain).client.sendVerificationEmail({ email }))
  const token = secretOf(await mailbox.link(VERIFY))
  accepted(await client.verifyEmail({ query: { token } }))
})

test('verify-email with a superseded token returns INVALID_TOKEN', async () => {
  const { client, email, mailbox } = await newUser(plain)
  const older = secretOf(await mailbox.link(VERIFY))
  accepted(await client.sendVerificationEmail({ email }))
  const newer = secretOf(await mailbox.link(VERIFY))
  refused(await client.verifyEmail({ query: { token: older } }), 401, 'INVALID_TOKEN')
  accepted(await client.verifyEmail({ query: { token: newer } }))
})

test('send-verification-email for the email of another user returns EMAIL_MISMATCH', async () => {
  const { client } = await newUser(plain)
  const { email } = await newUser(plain)
  refused(await client.sendVerificationEmail({ email }), 400, 'EMAIL_MISMATCH')
})

test('send-verification-email with a session and a verified email is rejected', async () => {
  const ada = await newUser(plain)
  await verify(ada)
  const answer = await ada.client.sendVerificationEmail({ email: ada.email })
  refused(answer, 400, 'EMAIL_ALREADY_VERIFIED')
})

test('send-verification-email without a session returns the same response for any email', async () => {
  const ada = await newUser(plain)
  await verify(ada)
  const grace = await newUser(plain)
  await grace.mailbox.link(VERIFY)
  const { client } = new Browser(plain)
  for (const email of [uniqueEmail(), ada.email, grace.email]) {
    assert.deepEqual(accepted(await client.sendVerificationEmail({ email })), { status: true })
  }
  await grace.mailbox.link(VERIFY)
  assert.ok(await ada.mailbox.isEmpty())
})

for (const body of [{ email: 'nowhere' }, { callbackURL: '/' }]) {
  test(`send-verification-email with body ${JSON.stringify(body)} returns VALIDATION_ERROR`, async () => {
    const { client } = new Browser(plain)
    refused(await client.sendVerificationEmail(body), 400, 'VALIDATION_ERROR')
  })
}

test('send-verification-email with an untrusted callback URL is rejected', async () => {
  const { client, email } = await newUser(plain)
  const answer = await client.sendVerificationEmail({ email, callbackURL: FOREIGN })
  refused(answer, 403, 'INVALID_CALLBACK_URL')
})
