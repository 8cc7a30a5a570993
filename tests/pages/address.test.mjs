import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browserOfThisFile, visit } from './support/chromium.mjs'
import { enter, part, press } from './support/forms.mjs'
import { mailedLink } from './support/mailbox.mjs'
import { PASSWORD, isLetIn, newAddress, newcomer } from './support/people.mjs'
import { site } from './support/sites.mjs'

const browser = await browserOfThisFile()

test('an address is changed by the link that is mailed to the new one', async () => {
  const ada = await newcomer(site)
  const email = newAddress()
  const page = await visit(browser, site, '/settings', ada)
  const address = part(page, 'Address')
  await enter(address, { 'New address': email })
  await press(address, 'Change the address')
  await address.getByText(`a link is on its way to ${email}`).waitFor()
  assert.equal(await isLetIn(site, email, PASSWORD), false, 'nothing has changed yet')

  await page.goto(await mailedLink(site, email, '/verify-email'))
  await press(page, 'Confirm the address')
  await page.getByRole('heading', { name: 'Your address is confirmed' }).waitFor()
  await page.goto('/settings')
  assert.ok(await address.getByText(email).isVisible())
  assert.ok(await address.getByText('confirmed', { exact: true }).isVisible())
  assert.equal(await isLetIn(site, ada.email, PASSWORD), false)
  assert.equal(await isLetIn(site, email, PASSWORD), true)
})

test('of a taken address the same is said', async () => {
  const grace = await newcomer(site)
  const page = await visit(browser, site, '/settings', await newcomer(site))
  await enter(page, { 'New address': grace.email })
  await press(page, 'Change the address')
  await page.getByText(`Unless somebody has that address, a link is on its way to ${grace.email}`).waitFor()
})

test("one's own address is none to change to", async () => {
  const ada = await newcomer(site)
  const page = await visit(browser, site, '/settings', ada)
  await enter(page, { 'New address': ada.email })
  await press(page, 'Change the address')
  await page.getByRole('alert').filter({ hasText: 'This is your address already.' }).waitFor()
  assert.equal(await page.getByLabel('New address').getAttribute('aria-invalid'), 'true')
})
