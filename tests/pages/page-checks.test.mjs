import assert from 'node:assert/strict'
import { test } from 'node:test'
import { browser } from './support/browser.mjs'
import { open } from './support/chromium.mjs'
import { overflow, shifts, violations } from './support/measure.mjs'
import { site } from './support/sites.mjs'
import { watch } from './support/watch.mjs'

const BAD = `<!doctype html><html lang="en"><title>Bad</title><main><h1>Bad</h1>
  <p style="color: #bbb; background: #fff">pale</p><p style="width: 2000px">wide</p></main>
  <script>
    setTimeout(() => { document.querySelector('main').style.marginTop = '200px'; document.title = 'moved' }, 100)
    console.error('said'); fetch('http://evil.example/')
  </script>`

test('test helpers detect layout shifts, overflow, low contrast and foreign requests', async () => {
  const context = await open(browser, site)
  const page = await context.newPage()
  const seen = watch(page, site)
  await page.route('**/bad', (route) => route.fulfill({ contentType: 'text/html', body: BAD }))
  await page.route('http://evil.example/', (route) => route.abort())
  await page.goto('/bad')
  await page.waitForFunction(() => document.title === 'moved')
  assert.match((await shifts(page)).join(), /wide/)
  assert.match((await overflow(page)).join(), /wide/)
  assert.match((await violations(page)).join(), /color-contrast: .*pale/)
  assert.ok(seen.complaints(404).includes('said'))
  assert.deepEqual(seen.foreign(), ['http://evil.example/'])
  assert.equal(await seen.bytes(), BAD.length)
})

test('content security policy blocks an injected inline script', async () => {
  const context = await open(browser, site)
  const page = await context.newPage()
  const seen = watch(page, site)
  await page.goto('/login')
  await page.addScriptTag({ content: 'window.ran = true' }).catch(() => {})
  assert.equal(await page.evaluate(() => window.ran), undefined)
  assert.match(seen.complaints().join(), /Content Security Policy|TrustedScript/)
})
