import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from './support/browser.mjs'
import { accepted, refused } from './support/outcome.mjs'
import { isSignedIn, newUser, uniqueEmail } from './support/people.mjs'
import { social } from './support/servers.mjs'

const PROVIDER = 'op'

/** Sends a request to the controls of the provider. */
async function control(name, body) {
  const answer = await fetch(`${social.issuer}/test/${name}`, { method: 'POST', body: JSON.stringify(body) })
  assert.equal(answer.status, 200, await answer.clone().text())
  return answer.json()
}

/** Signs in at the provider, and follows its redirect in the browser. Returns where that leads. */
async function finish(browser, url, claims) {
  const back = new URL((await control('sign-in', { url, ...claims })).url)
  const page = await browser.open(back.pathname + back.search)
  assert.equal(page.status, 302)
  const place = new URL(page.headers.get('location'))
  return place.pathname + place.search
}

function somebody() {
  const email = uniqueEmail()
  return { sub: email, email, email_verified: true, name: 'Grace' }
}

test('signIn.social leads to the provider, and its callback creates a user and signs in', async () => {
  const grace = somebody()
  for (const expected of ['/welcome', '/home']) {
    const browser = new Browser(social)
    const answer = accepted(
      await browser.client.signIn.social({ provider: PROVIDER, callbackURL: '/home', newUserCallbackURL: '/welcome' }),
    )
    assert.equal(answer.redirect, true)
    assert.equal(await finish(browser, answer.url, grace), expected)
    const session = accepted(await browser.client.getSession())
    assert.equal(session.user.email, grace.email)
    assert.equal(session.user.emailVerified, true)
    const [account] = accepted(await browser.client.listAccounts())
    assert.equal(account.providerId, PROVIDER)
    assert.equal(account.accountId, grace.sub)
    assert.deepEqual(account.scopes, [])
  }
})

test('signIn.social with the email of an unlinked account returns account_not_linked', async () => {
  const ada = await newUser(social)
  const browser = new Browser(social)
  const { url } = accepted(
    await browser.client.signIn.social({ provider: PROVIDER, callbackURL: '/', errorCallbackURL: '/oops' }),
  )
  const claims = { ...somebody(), email: ada.email, email_verified: false }
  assert.equal(await finish(browser, url, claims), '/oops?error=account_not_linked')
  assert.equal(await isSignedIn(browser.client), false)
})

test('signIn.social with an ID token signs in once', async () => {
  const { token } = await control('id-token', { ...somebody(), nonce: 'a nonce' })
  const idToken = { token, nonce: 'a nonce' }
  const { client } = new Browser(social)
  const answer = accepted(await client.signIn.social({ provider: PROVIDER, idToken }))
  assert.equal(answer.redirect, false)
  assert.equal(answer.user.name, 'Grace')
  assert.equal(await isSignedIn(client), true)
  refused(await new Browser(social).client.signIn.social({ provider: PROVIDER, idToken }), 401, 'INVALID_TOKEN')
})

test('signIn.social with an unknown provider returns PROVIDER_NOT_FOUND', async () => {
  refused(await new Browser(social).client.signIn.social({ provider: 'nowhere' }), 404, 'PROVIDER_NOT_FOUND')
})

test('linkSocial adds a sign-in method, and unlinkAccount removes all but the last', async () => {
  const browser = new Browser(social)
  const { client } = browser
  accepted(await client.signUp.email({ name: 'Ada', email: uniqueEmail(), password: 'correct horse battery staple' }))
  const { url } = accepted(await client.linkSocial({ provider: PROVIDER, callbackURL: '/linked' }))
  assert.equal(await finish(browser, url, somebody()), '/linked')
  const accounts = accepted(await client.listAccounts())
  const [password, provider] = ['credential', PROVIDER].map((id) => accounts.find((row) => row.providerId === id))
  assert.deepEqual(accepted(await client.unlinkAccount({ accountId: provider.id })), { status: true })
  refused(await client.unlinkAccount({ accountId: password.id }), 400, 'FAILED_TO_UNLINK_LAST_ACCOUNT')
  refused(await client.unlinkAccount({ accountId: provider.id }), 400, 'ACCOUNT_NOT_FOUND')
})
