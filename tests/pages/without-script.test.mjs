import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Authenticator } from '../better-auth/support/authenticator.mjs'
import { browser } from './support/browser.mjs'
import { landsOn, open, visit } from './support/chromium.mjs'
import { enter, part, press, signInOn } from './support/forms.mjs'
import { mailedLink } from './support/mailbox.mjs'
import { OTHER_PASSWORD, PASSWORD, enableTwoFactor, isLetIn, makeToken, newUser, uniqueEmail, withToken } from './support/people.mjs'
import { site, stale } from './support/sites.mjs'
import { tour } from './support/tour.mjs'

/** The pages whose forms all work without JavaScript. The others say that parts of them do not. */
const WORKS = ['/login', '/signup', '/forgot-password', '/reset-password', '/verify-email', '/magic-link', '/suspend-access', '/two-factor', '/delete-account']

const withoutScript = (path, visitor) => visit(browser, site, path, { cookie: visitor?.cookie, javaScriptEnabled: false })

/** The whole link of a mail, as it is pasted. */
const pasted = async (email, path) => new URL(await mailedLink(site, email, path), site.url).href

for (const { name, path, act, ...visitor } of await tour({ site, stale })) {
  if (act) continue
  test(`page shows its heading without JavaScript, and a notice if parts do not work: ${name}`, async () => {
    const options = { cookie: visitor.cookie, javaScriptEnabled: false }
    const context = await open(browser, visitor.site, options)
    const page = await context.newPage()
    const response = await page.goto(path)
    assert.ok(await page.getByRole('heading', { level: 1 }).isVisible())
    const works = response.ok() && WORKS.includes(new URL(page.url()).pathname)
    assert.equal(await page.locator('main > noscript p').isVisible(), !works)
  })
}

test('sign-up, sign-out and sign-in work without JavaScript, and a wrong password is explained', async () => {
  const email = uniqueEmail()
  const page = await withoutScript('/signup?next=/settings')
  await enter(page, { 'Your name': 'Ada', Email: email, Password: PASSWORD })
  await press(page, 'Create account')
  await landsOn(page, '/settings')
  await press(page, 'Sign out')
  await landsOn(page, '/login')
  await page.getByText('You are signed out.').waitFor()
  await signInOn(page, { email, password: OTHER_PASSWORD })
  await page.getByText('The email or the password is wrong.').waitFor()
  await page.goBack()
  assert.equal(await page.getByLabel('Email', { exact: true }).inputValue(), email)
  await signInOn(page, { email, password: PASSWORD })
  await landsOn(page, '/dashboard')
})

test('session ends with the browser without JavaScript if the box is not checked', async () => {
  const ada = await newUser(site)
  const page = await withoutScript('/login')
  await page.getByLabel('Keep me signed in on this device').uncheck()
  await signInOn(page, ada)
  await landsOn(page, '/dashboard')
  const cookies = await page.context().cookies()
  assert.equal(cookies.find(({ name }) => name === 'portcullis').expires, -1)
})

test('forgotten password is reset without JavaScript, with a pasted link', async () => {
  const ada = await newUser(site)
  const page = await withoutScript('/forgot-password')
  await enter(page, { Email: ada.email })
  await press(page, 'Send the link')
  await page.getByRole('heading', { name: 'Check your email' }).waitFor()
  const link = await pasted(ada.email, '/reset-password')
  await page.goto('/reset-password')
  await enter(page, { 'The link from the email': link, 'New password': OTHER_PASSWORD })
  await press(page, 'Set password')
  await landsOn(page, '/login')
  await page.getByText('Password set. Sign in with it.').waitFor()
  assert.ok(await isLetIn(site, ada.email, OTHER_PASSWORD))
})

test('mailed link signs in without JavaScript, and one that was used is explained', async () => {
  const ada = await newUser(site)
  const page = await withoutScript('/magic-link')
  const paste = page.locator('form[action$="magic-link/verify"]')
  await page.goto('/login')
  await page.getByRole('link', { name: 'Email me a link instead' }).click()
  await enter(page, { Email: ada.email })
  await press(page, 'Email me a link')
  await page.getByRole('heading', { name: 'Check your email' }).waitFor()
  const link = await pasted(ada.email, '/magic-link')
  await page.goto('/magic-link')
  await paste.getByLabel('The link from the email').fill(link)
  await press(paste, 'Sign in')
  await landsOn(page, '/dashboard')
  await page.goto('/magic-link')
  await paste.getByLabel('The link from the email').fill(link)
  await press(paste, 'Sign in')
  await page.getByRole('heading', { name: 'That did not work' }).waitFor()
})

test('second step of a sign-in works without JavaScript', async () => {
  const ada = await newUser(site)
  const { app } = await enableTwoFactor(site, ada)
  const page = await withoutScript('/login?next=/settings')
  await signInOn(page, ada)
  await landsOn(page, '/two-factor')
  await enter(page, { Code: '12345' })
  await press(page, 'Sign in')
  await page.getByText('This code is wrong, or was used before.').waitFor()
  await page.goBack()
  await enter(page, { Code: app.code(ada.createdAt, 1) })
  await press(page, 'Sign in')
  await landsOn(page, '/settings')
})

test('two-factor authentication is set up without JavaScript', async () => {
  const ada = await newUser(site)
  const page = await withoutScript('/settings/two-factor', ada)
  await enter(page, { 'Your password': ada.password })
  await press(page, 'Set up')
  const key = (await page.locator('#totp-secret').textContent()).replaceAll(' ', '')
  const app = new Authenticator(`otpauth://totp/x?secret=${key}`)
  await enter(part(page, 'Add this account to your app'), { Code: app.code(ada.createdAt) })
  await press(page, 'Turn on')
  await enter(part(page, 'Recovery codes'), { 'Your password': ada.password })
  await press(page, 'Create recovery codes')
  await page.getByRole('heading', { name: 'Your recovery codes' }).waitFor()
  assert.equal(await page.locator('li code').count(), 10)
})

test('token is renamed and revoked, and a change of email cancelled, without JavaScript', async () => {
  const ada = await newUser(site)
  const token = await makeToken(site, ada.cookie, { name: 'cron', scopes: ['read'] })
  const page = await withoutScript('/settings/tokens', ada)
  await page.getByText('Rename', { exact: true }).click()
  await enter(page, { 'New name': 'nightly' })
  await press(page, 'Save')
  await landsOn(page, '/settings/tokens')
  await page.getByRole('button', { name: 'Revoke the token nightly' }).click()
  await page.getByText('You have no active tokens.').waitFor()
  assert.equal((await withToken(site, token)).status, 401)

  await page.goto('/settings')
  await enter(page, { 'New email': uniqueEmail() })
  await press(page, 'Change email')
  await press(page, 'Cancel the change')
  await page.getByRole('button', { name: 'Cancel the change' }).waitFor({ state: 'detached' })
  await landsOn(page, '/settings')
})

test('password is changed without JavaScript, and the form of another site changes nothing', async () => {
  const ada = await newUser(site)
  const page = await withoutScript('/settings', ada)
  const form = part(page, 'Password')
  await enter(form, { 'Current password': ada.password, 'New password': OTHER_PASSWORD })
  await press(form, 'Change password')
  await landsOn(page, '/settings')
  assert.ok(await isLetIn(site, ada.email, OTHER_PASSWORD))

  const elsewhere = await page.context().newPage()
  await elsewhere.route('http://other.example/', (route) => route.fulfill({
    contentType: 'text/html',
    body: `<form action="${site.url}/api/auth/sign-out" method="post"><button>Win</button></form>`,
  }))
  await elsewhere.goto('http://other.example/')
  await press(elsewhere, 'Win')
  await elsewhere.waitForURL(/sign-out/)
  await page.reload()
  assert.ok(await page.getByRole('heading', { name: 'Settings' }).isVisible())
})
