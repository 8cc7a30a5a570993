import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { landsOn, visit } from './support/chromium.mjs'
import { part } from './support/forms.mjs'
import { PASSWORD, makeToken, newUser } from './support/people.mjs'
import { site } from './support/sites.mjs'

/** Returns the accessible name of the focused element. */
const focused = (page) =>
  page.evaluate(() => {
    const { activeElement: at } = document
    return at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent.trim()
  })

async function tab(page, times = 1) {
  const passed = []
  for (let i = 0; i < times; i += 1) {
    await page.keyboard.press('Tab')
    passed.push(await focused(page))
  }
  return passed
}

test('first tab stop is a link that skips to the content', async () => {
  const page = await visit(browser, site, '/login')
  assert.deepEqual(await tab(page), ['Skip to content'])
  assert.ok(await page.getByRole('link', { name: 'Skip to content' }).isVisible())
  const box = await page.getByRole('link', { name: 'Skip to content' }).boundingBox()
  assert.ok(box.x >= 0 && box.y >= 0, 'it is seen')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main')
  assert.deepEqual(await tab(page), ['Email'])
})

test('sign-in form has the expected tab order and is submitted with the keyboard', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/login')
  await page.getByLabel('Email').focus()
  await page.keyboard.type(ada.email)
  assert.deepEqual(await tab(page), ['Password'])
  await page.keyboard.type(PASSWORD)
  assert.deepEqual(await tab(page, 7), [
    'Show the password',
    'Keep me signed in on this device',
    'Sign in',
    'Sign in with a passkey',
    'Email me a link instead',
    'Forgot your password?',
    'Create an account',
  ])
  for (let back = 0; back < 4; back++) await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Enter')
  await landsOn(page, '/dashboard')
})

test('pressing Enter in a field submits the form', async () => {
  const ada = await newUser(site)
  const page = await visit(browser, site, '/login')
  await page.getByLabel('Email').fill(ada.email)
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.keyboard.press('Enter')
  await landsOn(page, '/dashboard')
})

test('every focused element has a visible outline', async () => {
  const page = await visit(browser, site, '/settings', await newUser(site))
  const stops = await page.locator('a, button, input, select').count()
  assert.ok(stops > 20)
  for (let i = 0; i < stops; i += 1) {
    await page.keyboard.press('Tab')
    const outline = await page.evaluate(() => {
      const { activeElement: at } = document
      return at === document.body ? null : getComputedStyle(at).outlineWidth
    })
    if (outline === null) break
    assert.ok(parseFloat(outline) >= 2, await focused(page))
  }
})

test('dialog traps the focus, closes on Escape, and returns the focus to its button', async () => {
  const ada = await newUser(site)
  await makeToken(site, ada.cookie, { name: 'kept' })
  const page = await visit(browser, site, '/settings/tokens', ada)
  const revoke = page.getByRole('button', { name: 'Revoke the token kept' })
  await revoke.focus()
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Revoke “kept”?' })
  await dialog.waitFor()
  assert.equal(await focused(page), 'Cancel', 'what does nothing comes first')
  for (let i = 0; i < 6; i += 1) {
    await page.keyboard.press('Tab')
    const inside = await page.evaluate(() => {
      const { activeElement: at } = document
      // From the last element of a dialog the focus moves to the browser's own buttons, and back.
      return at === document.body || at.closest('dialog') !== null
    })
    assert.ok(inside, await focused(page))
  }
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  assert.ok(await revoke.evaluate((button) => button === document.activeElement))
  assert.ok(await part(page, 'Your tokens').getByText('kept').isVisible(), 'nothing was revoked')
})
