import { existsSync } from 'node:fs'
import { after, afterEach } from 'node:test'
import { chromium } from 'playwright-core'

const ARGUMENTS = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-sync',
  '--host-resolver-rules=MAP * 127.0.0.1',
  // Chromium's sandbox does not start as root, and here it loads only the pages of these tests.
  '--no-sandbox',
]

// The headless shell is the same engine without a browser's windows.
const INSTALLED = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium']

const executablePath = process.env.CHROMIUM ?? INSTALLED.find(existsSync)
const browser = await chromium.launch({ args: ARGUMENTS, executablePath })

afterEach(() => Promise.all(browser.contexts().map((context) => context.close())))
after(() => browser.close())

/** Opens the front end in a browser of its own, which confirms what it is asked. */
export async function visit(url, cookie) {
  const context = await browser.newContext({ locale: 'en-US' })
  context.setDefaultTimeout(10_000)
  if (cookie) await context.addCookies([{ ...cookie, url: new URL(url).origin, httpOnly: true, sameSite: 'Lax' }])
  const page = await context.newPage()
  page.on('dialog', (dialog) => dialog.accept())
  await page.goto(url)
  return page
}

/** Returns the section of the page with this heading, once it is shown. */
export async function section(page, title) {
  const heading = page.getByRole('heading', { name: title, exact: true, level: 1 })
  const found = page.locator('main > section').filter({ has: heading })
  await found.waitFor()
  return found
}

/** Fills the fields with these labels. */
export async function enter(place, values) {
  for (const [label, value] of Object.entries(values)) {
    await place.getByLabel(label, { exact: true }).fill(value)
  }
}

/** Returns the values of the fields with these labels. */
export async function entered(place, labels) {
  return Promise.all(labels.map((label) => place.getByLabel(label, { exact: true }).inputValue()))
}

export function press(place, name) {
  return place.getByRole('button', { name, exact: true }).click()
}

/** Waits until an error with this text is shown. */
export function alert(place, text) {
  return place.getByRole('alert').filter({ hasText: text, visible: true }).waitFor()
}

/** Waits until the page says this. */
export function says(page, text) {
  return page.getByRole('status').filter({ hasText: text }).waitFor()
}
