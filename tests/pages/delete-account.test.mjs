import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { cookieOf, visit } from './support/chromium.mjs'
import { enter, part, press, pressAndConfirm, signInOn } from './support/forms.mjs'
import { OTHER_PASSWORD, PASSWORD, isLetIn, newUser } from './support/people.mjs'
import { site } from './support/sites.mjs'

test('deleting an account needs confirmation, and sign-in fails afterwards', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/settings', ada)
  await enter(part(page, 'Leave'), { Password: PASSWORD })
  await press(page, 'Delete account')
  await press(page.getByRole('dialog'), 'Cancel')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  assert.equal(await isLetIn(site, ada.email, PASSWORD), true)

  await pressAndConfirm(page, 'Delete account')
  await page.getByText('Your account and everything in it were deleted.').waitFor()
  assert.equal(await cookieOf(page), undefined)
  await signInOn(page, ada)
  await page.getByRole('alert').filter({ hasText: 'The email or the password is wrong.' }).waitFor()
})

test('deleting an account with a wrong password shows an error and deletes nothing', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/settings', ada)
  const leave = part(page, 'Leave')
  await enter(leave, { Password: OTHER_PASSWORD })
  await pressAndConfirm(leave, 'Delete account')
  await leave.getByText('The password is wrong.').waitFor()
  assert.equal(await isLetIn(site, ada.email, PASSWORD), true)
})
