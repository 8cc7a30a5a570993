import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, test } from 'node:test'
import { browser } from './support/browser.mjs'
import { cookieOf, open } from './support/chromium.mjs'
import { newUser } from './support/people.mjs'
import { site } from './support/sites.mjs'

const ada = await newUser(site)
const mallory = await newUser(site, { name: 'Mallory' })

const FORMS = {
  'a form': { enctype: 'application/x-www-form-urlencoded', field: (body) => Object.entries(body) },
  // The request body is `{"name":"Eve","=":""}`: JSON, but with a different content type.
  'a form that is JSON': {
    enctype: 'text/plain',
    field: (body) => [[`${JSON.stringify(body).slice(0, -1)},"`, '":""}']],
  },
}

const ATTACKS = {
  '/api/auth/update-user': { name: 'Eve' },
  '/api/auth/sign-in/email': { email: mallory.email, password: mallory.password },
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')

const foreign = createServer((asked, answer) => {
  const { path, form } = Object.fromEntries(new URL(asked.url, 'http://x').searchParams)
  const { enctype, field } = FORMS[form]
  const fields = field(ATTACKS[path])
    .map(([name, value]) => `<input name="${escaped(name)}" value="${escaped(value)}">`)
    .join('')
  answer.setHeader('Content-Type', 'text/html')
  answer.end(`<form method="post" enctype="${enctype}" action="${site.url}${path}">${fields}</form>
    <script>document.forms[0].submit()</script>`)
}).listen(0, '127.0.0.1')
await once(foreign, 'listening')
after(() => {
  foreign.closeAllConnections()
  foreign.close()
})

// Another port is another origin of the same site, so that the browser sends the cookie.
for (const [host, comesAlong] of [['evil.example', false], ['localhost', true]]) {
  for (const path of Object.keys(ATTACKS)) {
    for (const form of Object.keys(FORMS)) {
      test(`cross-origin submission of ${form} from ${host} to ${path} is rejected`, async () => {
        const context = await open(browser, site, ada)
        const page = await context.newPage()
        const answered = page.waitForResponse((response) => response.url() === `${site.url}${path}`)
        const query = new URLSearchParams({ path, form })
        await page.goto(`http://${host}:${foreign.address().port}/?${query}`)
        const response = await answered
        const { cookie } = await response.request().allHeaders()
        assert.equal(cookie?.includes('portcullis=') ?? false, comesAlong)
        assert.equal(response.request().method(), 'POST')
        // Without the cookie the request is anonymous, and a sign-in is rejected all the same.
        const isAnonymous = !comesAlong && path !== '/api/auth/sign-in/email'
        // A form as browsers send it leads to the sign-in page.
        const rejection = FORMS[form].enctype === 'application/x-www-form-urlencoded' ? 303 : 401
        assert.equal(response.status(), isAnonymous ? rejection : 403)
        assert.equal((await response.allHeaders())['set-cookie'], undefined)
        await page.goto(`${site.url}/settings`)
        assert.equal(await page.getByLabel('Your name').inputValue(), 'Ada')
      })
    }
  }

  test(`cross-origin sign-in of an anonymous visitor from ${host} is rejected`, async () => {
    const context = await open(browser, site)
    const page = await context.newPage()
    const path = '/api/auth/sign-in/email'
    const answered = page.waitForResponse((response) => response.url() === `${site.url}${path}`)
    const query = new URLSearchParams({ path, form: 'a form that is JSON' })
    await page.goto(`http://${host}:${foreign.address().port}/?${query}`)
    assert.equal((await answered).status(), 403)
    assert.equal(await cookieOf(page), undefined)
  })
}
