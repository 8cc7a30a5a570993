import { once } from 'node:events'
import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import { createAuthClient } from 'better-auth/client'
import fetchCookie from 'fetch-cookie'
import { CookieJar } from 'tough-cookie'

/** A page of the server's own origin: the client, with what a browser adds to it. */
export class Browser {
  jar = new CookieJar()

  /** With the client's plugins for what its core does not do. */
  constructor(server, plugins = []) {
    this.url = server.url
    this.fetch = fetchCookie((input, init) => {
      const headers = new Headers(init.headers)
      if (!headers.has('Origin')) headers.set('Origin', server.url)
      return fetch(input, { ...init, headers })
    }, this.jar)
    this.client = createAuthClient({
      baseURL: server.url,
      plugins,
      fetchOptions: { customFetchImpl: this.fetch },
    })
  }

  /**
   * Requests a URL as a click on a link does, and does not follow redirects. Without Node's fetch, which always
   * sends `Sec-Fetch-Mode: cors`.
   */
  async open(address) {
    const url = new URL(address, this.url)
    const headers = { Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate' }
    const cookies = await this.jar.getCookieString(url.href)
    if (cookies) headers.Cookie = cookies
    const [answer] = await once(get(url, { headers }), 'response')
    const { statusCode: status, headersDistinct } = answer
    for (const cookie of headersDistinct['set-cookie'] ?? []) await this.jar.setCookie(cookie, url.href)
    const received = Object.entries(headersDistinct).flatMap(([name, values]) => values.map((value) => [name, value]))
    const response = new Response(await text(answer), { status, headers: received })
    return Object.defineProperty(response, 'url', { value: url.href })
  }

  /** Sends a request outside the protocol. */
  post(path, body) {
    return this.fetch(new URL(path, this.url), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
  }

  /** The session cookie, as the browser stores it. */
  async cookie() {
    const cookies = await this.jar.getCookies(this.url)
    return cookies.find(({ key }) => key === 'portcullis')
  }
}
