import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { Mailbox } from './support/mailbox.mjs'
import { accepted, refused, sentTo } from './support/outcome.mjs'
import { PASSWORD, byGet, isSignedIn, newAddress, newcomer, secretOf, signedIn } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const VERIFY = '/verify-email'

/** Signs up a user who requests a change of email, and returns the link that is mailed to the new one. */
async function asked(options) {
  const ada = await newcomer(plain)
  await ada.mailbox.link(VERIFY)
  const newEmail = newAddress()
  const answer = await ada.client.changeEmail({ newEmail, ...options })
  assert.deepEqual(accepted(answer), { status: true })
  const link = await new Mailbox(plain, newEmail).link(VERIFY)
  return { ...ada, newEmail, link, token: secretOf(link) }
}

const current = async (client) => accepted(await client.getSession()).user

test('an address is changed by the link that comes to the new one', async () => {
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

test('afterwards the new address signs in and the old one does not', async () => {
  const { client, email, newEmail, token } = await asked()
  accepted(await client.verifyEmail({ query: { token } }))
  const browser = new Browser(plain)
  const old = await browser.client.signIn.email({ email, password: PASSWORD })
  refused(old, 401, 'INVALID_EMAIL_OR_PASSWORD')
  accepted(await browser.client.signIn.email({ email: newEmail, password: PASSWORD }))
})

test('the old address gets a notice and no link', async () => {
  const { client, mailbox, token } = await asked()
  accepted(await client.verifyEmail({ query: { token } }))
  const { text } = await mailbox.next()
  assert.ok(!text.includes('token='))
})

test('a new address ends every session but the one that asked for it', async () => {
  const ada = await asked()
  const other = await signedIn(plain, ada)
  accepted(await other.client.verifyEmail({ query: { token: ada.token } }))
  assert.equal(await isSignedIn(other.client), false)
  assert.equal(await isSignedIn(ada.client), true)
})

test('an address that was taken meanwhile is refused', async () => {
  const { client, email, newEmail, token } = await asked()
  const eve = { name: 'Eve', email: newEmail, password: PASSWORD }
  accepted(await new Browser(plain).client.signUp.email(eve))
  const answer = await client.verifyEmail({ query: { token } })
  refused(answer, 422, 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL')
  assert.equal((await current(client)).email, email)
})

test('the link goes on to the callback', async () => {
  const { browser, client, newEmail, link } = await asked({ callbackURL: '/settings' })
  sentTo(await browser.open(byGet(link)), `${plain.url}/settings`)
  assert.equal((await current(client)).email, newEmail)
})

test('the link may be followed again, and changes nothing then', async () => {
  const { client, newEmail, token } = await asked()
  accepted(await client.verifyEmail({ query: { token } }))
  assert.deepEqual(accepted(await client.verifyEmail({ query: { token } })), { status: true, user: null })
  assert.equal((await current(client)).email, newEmail)
})

test('a new address is kept in lower case', async () => {
  const { client } = await newcomer(plain)
  const newEmail = newAddress()
  accepted(await client.changeEmail({ newEmail: newEmail.toUpperCase() }))
  const link = await new Mailbox(plain, newEmail).link(VERIFY)
  accepted(await client.verifyEmail({ query: { token: secretOf(link) } }))
  assert.equal((await current(client)).email, newEmail)
})

test('the address that one has already is refused', async () => {
  const { client, email } = await newcomer(plain)
  for (const newEmail of [email, email.toUpperCase()]) {
    refused(await client.changeEmail({ newEmail }), 400, 'email_unchanged')
  }
})

test('of an address that somebody has, nobody learns anything', async () => {
  const eve = await newcomer(plain)
  const ada = await newcomer(plain)
  await ada.mailbox.link(VERIFY)
  const taken = await eve.client.changeEmail({ newEmail: ada.email })
  assert.deepEqual(accepted(taken), { status: true })

  const free = newAddress()
  accepted(await eve.client.changeEmail({ newEmail: free }))
  await new Mailbox(plain, free).link(VERIFY)
  assert.ok(await ada.mailbox.isEmpty())
})

for (const body of [{ newEmail: 'nowhere' }, { callbackURL: '/' }]) {
  test(`there is no new address in ${JSON.stringify(body)}`, async () => {
    const { client } = await newcomer(plain)
    refused(await client.changeEmail(body), 400, 'VALIDATION_ERROR')
  })
}

test('nobody is sent to a foreign page', async () => {
  const { client } = await newcomer(plain)
  const body = { newEmail: newAddress(), callbackURL: 'https://foreign.example/' }
  refused(await client.changeEmail(body), 403, 'INVALID_CALLBACK_URL')
})
