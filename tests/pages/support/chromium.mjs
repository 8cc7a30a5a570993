import { existsSync } from 'node:fs'
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

// The headless shell is the same engine without a browser's windows, and needs a third of the CPU time;
// otherwise Chromium itself.
const INSTALLED = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium']

export function launch() {
  const executablePath = process.env.CHROMIUM ?? INSTALLED.find(existsSync)
  return chromium.launch({ args: ARGUMENTS, executablePath })
}

/** Opens a browser context of a user on a site, with their cookie if they are signed in. */
export async function open(browser, { url }, { cookie, ...options } = {}) {
  const context = await browser.newContext({ baseURL: url, ...options })
  context.setDefaultTimeout(15_000)
  if (cookie) await context.addCookies([asKept(cookie, url)])
  return context
}

/** Opens a page in such a context. */
export async function visit(browser, site, path, options) {
  const context = await open(browser, site, options)
  const page = await context.newPage()
  await page.goto(path)
  return page
}

function asKept(cookie, url) {
  const [name, value] = cookie.split(/=(.*)/s)
  return { name, value, url, httpOnly: true, sameSite: 'Lax' }
}

/** Returns the session cookie of a page's browser. */
export async function cookieOf(page) {
  const cookies = await page.context().cookies()
  return cookies.find(({ name }) => name === 'portcullis')?.value
}

/** Waits until a page is at this path, whatever its query. */
export function landsOn(page, path) {
  return page.waitForURL((url) => url.pathname === path)
}
