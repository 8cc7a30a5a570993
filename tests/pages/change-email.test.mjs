import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { visit } from './support/chromium.mjs'
import { enter, part, press, says } from './support/forms.mjs'
import { mailedLink } from './support/mailbox.mjs'
import { PASSWORD, isLetIn, uniqueEmail, newUser } from './support/people.mjs'
import { site } from './support/sites.mjs'

/** Opens the settings of a new user, and requests a change to this email there. */
async function asking(email) {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/settings', ada)
  const section = part(page, 'Email')
  await enter(section, { 'New email': email })
  await press(section, 'Change email')
  await section.getByText(`You requested a change to ${email}.`).waitFor()
  return { ada, page, section }
}

test('email changes only after confirmation with the link mailed to the new email', async () => {
  const email = uniqueEmail()
  const { ada, page, section } = await asking(email)
  assert.equal(await isLetIn(site, email, PASSWORD), false, 'nothing has changed yet')

  await page.goto(await mailedLink(site, email, '/verify-email'))
  await press(page, 'Confirm email')
  await page.getByRole('heading', { name: 'Your email is confirmed' }).waitFor()
  assert.ok(await page.getByText(`${email} is now the email of your account`).isVisible())
  await page.goto('/settings')
  assert.ok(await section.getByText(email).isVisible())
  assert.ok(await section.getByText('confirmed', { exact: true }).isVisible())
  assert.equal(await section.getByText('You have asked to change it').count(), 0)
  assert.equal(await isLetIn(site, ada.email, PASSWORD), false)
  assert.equal(await isLetIn(site, email, PASSWORD), true)
})

test('link of a pending email change is resent, and stops working after cancelling', async () => {
  const email = uniqueEmail()
  const { ada, page, section } = await asking(email)
  const first = await mailedLink(site, email, '/verify-email')
  await press(section, 'Send another link')
  await says(page, `another link is on its way to ${email}`)
  const second = await mailedLink(site, email, '/verify-email', [first])

  await press(section, 'Cancel the change')
  await says(page, `Your email remains ${ada.email}.`)
  assert.equal(await section.getByText(email).count(), 0)
  await page.goto(second)
  await press(page, 'Confirm email')
  await page.getByRole('alert').filter({ hasText: 'This link is invalid or has been used' }).waitFor()
  assert.equal(await isLetIn(site, ada.email, PASSWORD), true)
})

test('changing to an email in use shows the same message as any other change', async () => {
  const grace = await newUser(site)
  const { page, section } = await asking(grace.email)
  await says(page, 'Unless another account has this email, a link is on its way there.')
  await page.reload()
  assert.ok(await section.getByText(`You requested a change to ${grace.email}.`).isVisible())
})

test("changing to the current email shows an error at the field", async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/settings', ada)
  await enter(page, { 'New email': ada.email })
  await press(page, 'Change email')
  await page.locator('#new-email-error').filter({ hasText: 'This is already your email.' }).waitFor()
  assert.equal(await page.getByLabel('New email').getAttribute('aria-invalid'), 'true')
})
