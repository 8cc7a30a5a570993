import assert from 'node:assert/strict'
import { test } from 'node:test'
import { magicLinkClient } from 'better-auth/client/plugins'
import { Browser } from './support/browser.mjs'
import { Mailbox } from './support/mailbox.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { isSignedIn, newUser, secretOf, uniqueEmail } from './support/people.mjs'
import { plain } from './support/servers.mjs'

const PAGE = '/magic-link'

/** A browser whose client has the plugin. */
const visitor = () => new Browser(plain, [magicLinkClient()])

test('signIn.magicLink mails a link with which magicLink.verify signs in', async () => {
  const ada = await newUser(plain)
  const { client } = visitor()
  assert.deepEqual(accepted(await client.signIn.magicLink({ email: ada.email })), { status: true })
  const token = secretOf(await ada.mailbox.link(PAGE))
  const answer = accepted(await client.magicLink.verify({ query: { token } }))
  assert.equal(answer.user.email, ada.email)
  assert.equal(answer.session.userId, answer.user.id)
  assert.equal(await isSignedIn(client), true)
})

test('signIn.magicLink for an unknown email creates a verified user with the given name', async () => {
  const email = uniqueEmail()
  const { client } = visitor()
  accepted(await client.signIn.magicLink({ email, name: 'Grace', newUserCallbackURL: '/welcome' }))
  const token = secretOf(await new Mailbox(plain, email).link(PAGE))
  const { user } = accepted(await client.magicLink.verify({ query: { token } }))
  assert.equal(user.name, 'Grace')
  assert.equal(user.emailVerified, true)
})

test('magicLink.verify with a used or unknown token returns INVALID_TOKEN', async () => {
  const ada = await newUser(plain)
  const { client } = visitor()
  accepted(await client.signIn.magicLink({ email: ada.email }))
  const token = secretOf(await ada.mailbox.link(PAGE))
  accepted(await client.magicLink.verify({ query: { token } }))
  for (const invalid of [token, 'unknown']) {
    refused(await visitor().client.magicLink.verify({ query: { token: invalid } }), 401, 'INVALID_TOKEN')
  }
})

test('opening the page of a magic link signs in no client and keeps the link', async () => {
  const ada = await newUser(plain)
  const browser = visitor()
  accepted(await browser.client.signIn.magicLink({ email: ada.email }))
  const link = await ada.mailbox.link(PAGE)
  const page = await browser.open(link)
  assert.equal(page.status, 200)
  const token = secretOf(link)
  const navigation = await browser.open(`${plain.url}/api/auth/magic-link/verify?token=${token}`)
  assert.equal(navigation.status, 302)
  assert.equal(navigation.headers.get('location'), `${plain.url}${PAGE}#token=${token}`)
  assert.equal(await browser.cookie(), undefined)
  accepted(await browser.client.magicLink.verify({ query: { token } }))
})

test('signIn.magicLink with a foreign callback returns INVALID_CALLBACK_URL', async () => {
  const email = uniqueEmail()
  const foreign = await visitor().client.signIn.magicLink({ email, callbackURL: 'https://foreign.example/' })
  refused(foreign, 403, 'INVALID_CALLBACK_URL')
})
