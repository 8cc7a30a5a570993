import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { Mailbox } from './support/mailbox.mjs'
import { accepted, pageRefused, refused, sentTo } from './support/outcome.mjs'
import { PASSWORD, byGet, isSignedIn, newAddress, newcomer, secretOf, signedIn, verify } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const VERIFY = '/verify-email'
const FOREIGN = 'https://foreign.example/'

const isVerified = async (client) => accepted(await client.getSession()).user.emailVerified

test('the link that comes after signing up verifies the address', async () => {
  const { client, mailbox } = await newcomer(plain)
  const token = secretOf(await mailbox.link(VERIFY))
  const answer = accepted(await client.verifyEmail({ query: { token } }))
  assert.deepEqual(answer, { status: true, user: null })
  assert.equal(await isVerified(client), true)
})

test('the mailed link leads to a page, and opening it verifies nothing', async () => {
  const { client, mailbox } = await newcomer(plain)
  const page = await new Browser(plain).open(await mailbox.link(VERIFY))
  assert.equal(page.status, 200)
  assert.equal(await isVerified(client), false)
})

test('a GET from another browser verifies, signs nobody in, and ends what was there before', async () => {
  const ada = await newcomer(plain)
  const token = secretOf(await ada.mailbox.link(VERIFY))
  const visitor = new Browser(plain)
  accepted(await visitor.client.verifyEmail({ query: { token } }))
  assert.equal(await visitor.cookie(), undefined)
  assert.equal(await isSignedIn(ada.client), false)
  const { client } = await signedIn(plain, ada)
  assert.equal(await isVerified(client), true)
})

test('the link may be followed again', async () => {
  const { client, mailbox } = await newcomer(plain)
  const token = secretOf(await mailbox.link(VERIFY))
  for (let visit = 0; visit < 2; visit++) {
    assert.deepEqual(accepted(await client.verifyEmail({ query: { token } })), { status: true, user: null })
  }
})

test('a link that nobody sent verifies nothing', async () => {
  const { client } = new Browser(plain)
  refused(await client.verifyEmail({ query: { token: 'unknown' } }), 401, 'INVALID_TOKEN')
})

test('the link goes on to the callback of the sign-up', async () => {
  const { client } = new Browser(plain)
  const email = newAddress()
  const ada = { name: 'Ada', email, password: PASSWORD, callbackURL: '/welcome?a=b' }
  accepted(await client.signUp.email(ada))
  const link = byGet(await new Mailbox(plain, email).link(VERIFY))
  const visitor = new Browser(plain)
  for (let visit = 0; visit < 2; visit++) sentTo(await visitor.open(link), `${plain.url}/welcome?a=b`)
  link.searchParams.set('token', 'unknown')
  sentTo(await visitor.open(link), `${plain.url}/welcome?a=b&error=INVALID_TOKEN`)
})

test('the link goes on to no foreign page', async () => {
  const { browser, client, mailbox } = await newcomer(plain)
  const link = byGet(await mailbox.link(VERIFY))
  link.searchParams.set('callbackURL', FOREIGN)
  await pageRefused(await browser.open(link), 403, 'INVALID_CALLBACK_URL')
  assert.equal(await isVerified(client), false)
})

test('another link comes to whoever asks for it', async () => {
  const { browser, client, email, mailbox } = await newcomer(plain)
  await mailbox.link(VERIFY)
  const answer = await client.sendVerificationEmail({ email, callbackURL: '/welcome' })
  assert.deepEqual(accepted(answer), { status: true })
  const link = byGet(await mailbox.link(VERIFY))
  sentTo(await browser.open(link), `${plain.url}/welcome`)
  assert.equal(await isVerified(client), true)
})

test('another link comes to whoever is signed out and asks for it', async () => {
  const { client, email, mailbox } = await newcomer(plain)
  await mailbox.link(VERIFY)
  accepted(await new Browser(plain).client.sendVerificationEmail({ email }))
  const token = secretOf(await mailbox.link(VERIFY))
  accepted(await client.verifyEmail({ query: { token } }))
})

test('a newer link takes the place of an older one', async () => {
  const { client, email, mailbox } = await newcomer(plain)
  const older = secretOf(await mailbox.link(VERIFY))
  accepted(await client.sendVerificationEmail({ email }))
  const newer = secretOf(await mailbox.link(VERIFY))
  refused(await client.verifyEmail({ query: { token: older } }), 401, 'INVALID_TOKEN')
  accepted(await client.verifyEmail({ query: { token: newer } }))
})

test('whoever is signed in asks for their own address', async () => {
  const { client } = await newcomer(plain)
  const { email } = await newcomer(plain)
  refused(await client.sendVerificationEmail({ email }), 400, 'EMAIL_MISMATCH')
})

test('whoever is signed in learns that their address is verified', async () => {
  const ada = await newcomer(plain)
  await verify(ada)
  const answer = await ada.client.sendVerificationEmail({ email: ada.email })
  refused(answer, 400, 'EMAIL_ALREADY_VERIFIED')
})

test('whoever is signed out learns nothing of an address', async () => {
  const ada = await newcomer(plain)
  await verify(ada)
  const grace = await newcomer(plain)
  await grace.mailbox.link(VERIFY)
  const { client } = new Browser(plain)
  for (const email of [newAddress(), ada.email, grace.email]) {
    assert.deepEqual(accepted(await client.sendVerificationEmail({ email })), { status: true })
  }
  await grace.mailbox.link(VERIFY)
  assert.ok(await ada.mailbox.isEmpty())
})

for (const body of [{ email: 'nowhere' }, { callbackURL: '/' }]) {
  test(`there is no address in ${JSON.stringify(body)}`, async () => {
    const { client } = new Browser(plain)
    refused(await client.sendVerificationEmail(body), 400, 'VALIDATION_ERROR')
  })
}

test('a link to a foreign page is not sent', async () => {
  const { client, email } = await newcomer(plain)
  const answer = await client.sendVerificationEmail({ email, callbackURL: FOREIGN })
  refused(answer, 403, 'INVALID_CALLBACK_URL')
})
