import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import PostalMime from 'postal-mime'

const TIMEOUT = 15_000

async function letters({ outbox }) {
  const names = await readdir(outbox).catch(() => [])
  const files = names.filter((name) => name.endsWith('.eml')).sort()
  return Promise.all(files.map(async (name) => PostalMime.parse(await readFile(join(outbox, name)))))
}

/** Waits for a mail to this email with a link to this path other than these, and returns the link. */
export async function mailedLink(site, address, path, others = []) {
  for (const deadline = Date.now() + TIMEOUT; Date.now() < deadline; await sleep(50)) {
    for (const { to, text } of await letters(site)) {
      if (!to.some((recipient) => recipient.address === address)) continue
      const link = text.match(/https?:\/\/\S+/g)?.find((link) => new URL(link).pathname === path)
      if (link && !others.includes(link)) return link
    }
  }
  throw new Error(`no letter with a link to ${path} came to ${address}`)
}
