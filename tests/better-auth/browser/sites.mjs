import { build } from 'esbuild'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:https'

if (!process.env.SITES) {
  throw new Error('SITES is not set: these tests are run by `cargo test`, which starts the servers')
}

const { certificate, key, servers } = JSON.parse(process.env.SITES)

/** The client as a front end bundles it, and a page that loads it. */
async function frontEnd(api) {
  const { outputFiles } = await build({
    bundle: true,
    stdin: {
      contents: `
        import { createAuthClient } from 'better-auth/client'
        window.client = createAuthClient({ baseURL: '${api}' })`,
      resolveDir: import.meta.dirname,
    },
    write: false,
  })
  return outputFiles[0].text
}

/**
 * A reverse proxy as in production: TLS in front of the server, and the pages of several origins beside it. All
 * share a port, since the browser resolves every host to this machine.
 */
export async function open(name) {
  const { port, upstream } = servers[name]
  const api = `https://api.site.test:${port}`
  const script = await frontEnd(api)
  const keys = { cert: readFileSync(certificate), key: readFileSync(key) }
  const heard = []
  const front = createServer(keys, (asked, answer) => {
    if (asked.headers.host === new URL(api).host) {
      heard.push(`${asked.method} ${asked.url} from ${asked.headers.origin}`)
      const { method, headers } = asked
      const passed = request(new URL(asked.url, upstream), { method, headers }, (answered) => {
        answer.writeHead(answered.statusCode, answered.headers)
        answered.pipe(answer)
      })
      asked.pipe(passed)
    } else if (asked.url === '/client.js') {
      answer.setHeader('Content-Type', 'text/javascript').end(script)
    } else {
      answer.setHeader('Content-Type', 'text/html').end('<script src="/client.js"></script>')
    }
  })
  await new Promise((listening) => front.listen(port, '127.0.0.1', listening))
  return { api, asked: heard, origin: (host) => `https://${host}:${port}`, close: () => front.close() }
}
