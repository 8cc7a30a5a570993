import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { Mailbox } from './support/mailbox.mjs'
import { accepted, refused, sentTo } from './support/outcome.mjs'
import { PASSWORD, byGet, isSignedIn, uniqueEmail, newUser, secretOf, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const VERIFY = '/verify-email'

/** Signs up a user who requests a change of email, and returns the link that is mailed to the new one. */
async function asked(options) {
  const ada = await newUser(plain)
  await ada.mailbox.link(VERIFY)
  const newEmail = uniqueEmail()
  const answer = await ada.client.changeEmail({ newEmail, ...options })
  assert.deepEqual(accepted(answer), { status: true })
  const link = await new Mailbox(plain, newEmail).link(VERIFY)
  return { ...ada, newEmail, link, token: secretOf(link) }
}

const current = async (client) => accepted(await client.getSession()).user

test('change-email takes effect once the link sent to the new email is verified', async () => {
  const { client, user, email, newEmail, token } = await asked()
  assert.equal((await current(client)).email, email)

  const answer = accepted(await client.verifyEmail({ query: { token } }))
  assert.equal(answer.status, true)
  assert.equal(answer.user.id, user.id)
  assert.equal(answer.user.email, newEmail)
  assert.equal(answer.user.emailVerified, true)
  assert.ok(answer.user.createdAt instanceof Date)
  assert.equal((await current(client)).email, newEmail)
})

test('sign-in after change-email works with the new email only', async () => {
  const { client, email, newEmail, token } = await asked()
  accepted(await client.verifyEmail({ query: { token } }))
  const browser = new Browser(plain)
  const old = await browser.client.signIn.email({ email, password: PASSWORD })
  refused(old, 401, 'INVALID_EMAIL_OR_PASSWORD')
  accepted(await browser.client.signIn.email({ email: newEmail, password: PASSWORD }))
})

test('change-email sends a notice to the old email, whose link suspends access', async () => {
  const { client, mailbox, token } = await asked()
  accepted(await client.verifyEmail({ query: { token } }))
  const { text } = await mailbox.next()
  assert.match(text, /\/suspend-access#token=/)
})

test('change-email revokes every session except the one that requested it', async () => {
  const ada = await asked()
  const other = await signedIn(plain, ada)
  accepted(await other.client.verifyEmail({ query: { token: ada.token } }))
  assert.equal(await isSignedIn(other.client), false)
  assert.equal(await isSignedIn(ada.client), true)
})

test('verify-email for a new email taken in the meantime returns 422', async () => {
  const { client, email, newEmail, token } = await asked()
  const eve = { name: 'Eve', email: newEmail, password: PASSWORD }
  accepted(await new Browser(plain).client.signUp.email(eve))
  const answer = await client.verifyEmail({ query: { token } })
  refused(answer, 422, 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL')
  assert.equal((await current(client)).email, email)
})

test('change-email link redirects to the callback URL', async () => {
  const { browser, client, newEmail, link } = await asked({ callbackURL: '/settings' })
  sentTo(await browser.open(byGet(link)), `${plain.url}/settings`)
  assert.equal((await current(client)).email, newEmail)
})

test('verify-email with a used change-email token succeeds and changes nothing', async () => {
  const { client, newEmail, token } = await asked()
  accepted(await client.verifyEmail({ query: { token } }))
  assert.deepEqual(accepted(await client.verifyEmail({ query: { token } })), { status: true, user: null })
  assert.equal((await current(client)).email, newEmail)
})

test('change-email stores the new email in lower case', async () => {
  const { client } = await newUser(plain)
  const newEmail = uniqueEmail()
  accepted(await client.changeEmail({ newEmail: newEmail.toUpperCase() }))
  const link = await new Mailbox(plain, newEmail).link(VERIFY)
  accepted(await client.verifyEmail({ query: { token: secretOf(link) } }))
  assert.equal((await current(client)).email, newEmail)
})

test('change-email to the current email returns email_unchanged', async () => {
  const { client, email } = await newUser(plain)
  for (const newEmail of [email, email.toUpperCase()]) {
    refused(await client.changeEmail({ newEmail }), 400, 'email_unchanged')
  }
})

test('change-email to a taken email returns the same response and sends no mail to it', async () => {
  const eve = await newUser(plain)
  const ada = await newUser(plain)
  await ada.mailbox.link(VERIFY)
  const taken = await eve.client.changeEmail({ newEmail: ada.email })
  assert.deepEqual(accepted(taken), { status: true })

  const free = uniqueEmail()
  accepted(await eve.client.changeEmail({ newEmail: free }))
  await new Mailbox(plain, free).link(VERIFY)
  assert.ok(await ada.mailbox.isEmpty())
})

for (const body of [{ newEmail: 'nowhere' }, { callbackURL: '/' }]) {
  test(`change-email with body ${JSON.stringify(body)} returns VALIDATION_ERROR`, async () => {
    const { client } = await newUser(plain)
    refused(await client.changeEmail(body), 400, 'VALIDATION_ERROR')
  })
}

test('change-email with an untrusted callback URL returns INVALID_CALLBACK_URL', async () => {
  const { client } = await newUser(plain)
  const body = { newEmail: uniqueEmail(), callbackURL: 'https://foreign.example/' }
  refused(await client.changeEmail(body), 403, 'INVALID_CALLBACK_URL')
})
