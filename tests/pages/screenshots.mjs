// Takes screenshots of every page, in both colour schemes, narrow and wide. Run by hand:
//
//   npm ci
//   npm run screenshots -- FOLDER http://localhost:8080 ADMIN_EMAIL ADMIN_PASSWORD
//
// The server must have open sign-up; a few users are left in it.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { launch, open } from './support/chromium.mjs'
import { tour } from './support/tour.mjs'

const [folder, url, email, password] = process.argv.slice(2)
if (!password) {
  console.error('npm run screenshots -- FOLDER URL ADMIN_EMAIL ADMIN_PASSWORD')
  process.exit(2)
}

await mkdir(folder, { recursive: true })
const stops = await tour({ site: { url: new URL(url).origin, admin: { email, password } } })
const browser = await launch()
for (const colorScheme of ['light', 'dark']) {
  for (const width of [360, 1280]) {
    for (const { name, site, path, cookie, act } of stops) {
      const viewport = { width, height: 800 }
      const context = await open(browser, site, { cookie, colorScheme, viewport })
      const page = await context.newPage()
      await page.goto(path)
      await act?.(page)
      const file = `${name}-${width}-${colorScheme}.png`
      await page.screenshot({ path: join(folder, file), fullPage: true, animations: 'disabled' })
      await context.close()
    }
  }
}
await browser.close()
console.log(`${stops.length * 4} pictures are in ${folder}`)
