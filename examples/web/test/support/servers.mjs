// Starts what the README says to start: the ledger, the front end in development, and the built one on another origin.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after } from 'node:test'

const program = process.env.PROGRAM ?? assert.fail('PROGRAM is not set: run examples/web/check PROGRAM')
const folder = join(import.meta.dirname, '../..')
const home = mkdtempSync(join(tmpdir(), 'ledger-web-'))
const children = new Set()

// However these tests end, what they started ends with them.
const clear = () => {
  for (const child of children) end(child, 'SIGKILL')
  rmSync(home, { recursive: true, force: true })
}
after(clear)
process.on('exit', clear)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

/** Ends a program with those that it has started, such as npm's. */
function end(child, signal) {
  children.delete(child)
  process.kill(-child.pid, signal)
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

const [ledgerPort, devPort, otherPort] = [await freePort(), await freePort(), await freePort()]
const ledgerUrl = `http://localhost:${ledgerPort}`

/** Starts a program, and waits for a line of its output. */
async function start(command, args, env, line) {
  const child = spawn(command, args, { cwd: folder, detached: true, env, stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  let errors = ''
  child.stderr.on('data', (text) => (errors += text))
  for await (const text of createInterface(child.stdout)) {
    if (line.test(text)) {
      child.stdout.resume()
      return child
    }
  }
  throw new Error(`${command} did not start: ${errors}`)
}

// Settings of the person who runs the tests are not those of the ledger here.
const inherited = Object.entries(process.env).filter(([name]) => !/^(LEDGER_|DATABASE_URL|PORT$|API_URL$|VITE_)/.test(name))
const plain = Object.fromEntries(inherited)
const settings = {
  ...plain,
  LEDGER_DATA_DIR: join(home, 'data'),
  LEDGER_DATABASE_TIMEOUT: '1',
  LEDGER_LISTEN: `127.0.0.1:${ledgerPort}`,
  // The errors that it logs are expected here.
  LEDGER_LOG: 'off',
  LEDGER_PUBLIC_URL: `http://localhost:${devPort}`,
  LEDGER_TRUSTED_ORIGINS: `http://localhost:${otherPort}`,
}

export const database = join(home, 'data/ledger.db')

/** The ledger, which a test can stop and start again, and ask for one of its commands. */
export const ledger = {
  async start() {
    this.child = await start(program, ['serve'], settings, /listening on/)
  },
  async stop() {
    end(this.child, 'SIGTERM')
    await once(this.child, 'exit')
  },
  run(...args) {
    const { status, stderr } = spawnSync(program, args, { env: settings, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  },
}

/** Builds the front end for another origin than the server's. */
function build() {
  const env = { ...plain, API_URL: ledgerUrl, VITE_API_ORIGIN: ledgerUrl }
  const args = ['run', 'build', '--', '--base=/', `--outDir=${home}/dist`, '--logLevel=warn']
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: folder, env, encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
}

/** Serves the built files as any host of static files does, with the policy that the README recommends. */
async function serve() {
  const types = { '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript' }
  const readme = await readFile(join(folder, 'README.md'), 'utf8')
  const [, policy] = readme.match(/Content-Security-Policy "(.*?)"/)
  const server = createServer(({ url }, response) => {
    response.setHeader('Content-Security-Policy', `${policy}; connect-src ${ledgerUrl}`)
    const { pathname } = new URL(url, 'http://localhost')
    const file = join(home, 'dist', pathname === '/' ? 'index.html' : pathname)
    response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream')
    createReadStream(file).on('error', () => response.writeHead(404).end()).pipe(response)
  })
  server.listen(otherPort, '127.0.0.1').unref()
  await once(server, 'listening')
}

try {
  await ledger.start()
  build()
  await serve()
  const args = ['run', 'dev', '--', '--host=127.0.0.1', `--port=${devPort}`]
  await start('npm', args, { ...plain, API_URL: ledgerUrl, NO_COLOR: '1' }, /Local:/)
} catch (fault) {
  // An error before the first test ends the process without its event `exit`.
  clear()
  throw fault
}

/** The front end in development, on one origin with the ledger. */
export const development = `http://localhost:${devPort}/app/`
/** The built front end, on an origin of its own. */
export const elsewhere = `http://localhost:${otherPort}/`
