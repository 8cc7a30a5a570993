import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'

const ARGUMENTS = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-sync',
  '--host-resolver-rules=MAP * 127.0.0.1',
  // Its sandbox does not start as root, and sees nothing here but pages of these tests.
  '--no-sandbox',
]

// The same engine without a browser's windows, which needs a third of the CPU time, or else Chromium as it is.
const INSTALLED = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium']

export function launch() {
  const executablePath = process.env.CHROMIUM ?? INSTALLED.find(existsSync)
  return chromium.launch({ args: ARGUMENTS, executablePath })
}

/** A browser of somebody's own on a site: with their cookie, if they are signed in already. */
export async function open(browser, { url }, { cookie, ...options } = {}) {
  const context = await browser.newContext({ baseURL: url, ...options })
  context.setDefaultTimeout(15_000)
  if (cookie) await context.addCookies([asKept(cookie, url)])
  return context
}

/** The same, with a page in it. */
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

/** The session cookie that a page's browser has. */
export async function cookieOf(page) {
  const cookies = await page.context().cookies()
  return cookies.find(({ name }) => name === 'portcullis')?.value
}

/** Waits until a page is at this path, whatever its query. */
export function landsOn(page, path) {
  return page.waitForURL((url) => url.pathname === path)
}
