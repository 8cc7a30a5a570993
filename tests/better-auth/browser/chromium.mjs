import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

/** Starts a browser whose user allows third-party cookies, for which Chromium asks by default nowadays. */
export async function launch() {
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'))
  mkdirSync(join(profile, 'Default'))
  const preferences = { profile: { block_third_party_cookies: false, cookie_controls_mode: 0 } }
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences))
  const context = await chromium.launchPersistentContext(profile, {
    args: ARGUMENTS,
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    ignoreHTTPSErrors: true,
  })
  const close = async () => {
    await context.close()
    rmSync(profile, { recursive: true, force: true })
  }
  return { context, close }
}

/** Opens a page of this origin, with the client on it. */
export async function visit({ context }, origin) {
  const page = await context.newPage()
  await page.goto(origin)
  return page
}
