import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

/** A proxy to a database, which can be cut and restored. */
async function layLine({ hostname, port }) {
  const sockets = new Set()
  let isCut = false
  const server = createServer((near) => {
    if (isCut) return near.destroy()
    const far = connect(Number(port || 5432), hostname)
    for (const [from, to] of [[near, far], [far, near]]) {
      sockets.add(from)
      from.pipe(to)
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  const mend = () => {
    isCut = false
  }
  const close = () => {
    cut()
    server.close()
  }
  return { port: server.address().port, cut, mend, close }
}

/** Starts the program with its database behind such a proxy. */
export async function start({ program, home, settings }) {
  const url = new URL(settings.DATABASE_URL)
  const line = await layLine(url)
  url.hostname = '127.0.0.1'
  url.port = line.port
  const env = {
    ...settings,
    DATABASE_URL: url.href,
    PORTCULLIS_DATABASE_TIMEOUT: '1',
    PORTCULLIS_LISTEN: '127.0.0.1:0',
    // The errors that it logs during an outage are expected.
    PORTCULLIS_LOG: 'off',
  }
  const child = spawn(program, { cwd: home, env, stdio: ['ignore', 'pipe', 'inherit'] })
  // However these tests end, the server ends with them.
  process.on('exit', () => child.kill('SIGKILL'))
  const stop = () => {
    child.kill('SIGKILL')
    line.close()
  }
  try {
    const site = { url: await address(child), isReady: () => isReady(site) }
    return { site, line, stop }
  } catch (fault) {
    stop()
    throw fault
  }
}

async function address(child) {
  for await (const text of createInterface(child.stdout)) {
    const [, port] = text.match(/listening on .*:(\d+)\)/) ?? []
    if (port) return `http://localhost:${port}`
  }
  throw new Error('it did not start')
}

async function isReady({ url }) {
  while (!(await fetch(`${url}/health/ready`)).ok) await sleep(50)
}
