import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import PostalMime from 'postal-mime'

const TIMEOUT = 15_000

const opened = new Map()

async function allMails(outbox) {
  const names = await readdir(outbox)
  const paths = names.filter((name) => name.endsWith('.eml')).sort().map((name) => join(outbox, name))
  return Promise.all(
    paths.map((path) => {
      if (!opened.has(path)) opened.set(path, readFile(path).then((raw) => PostalMime.parse(raw)))
      return opened.get(path)
    }),
  )
}

/** The mail to one email. */
export class Mailbox {
  #outbox
  #address
  #read = new Set()

  constructor(server, address) {
    this.#outbox = server.outbox
    this.#address = address
  }

  async #unread() {
    const letters = await allMails(this.#outbox)
    return letters.filter(
      (letter) => !this.#read.has(letter) && letter.to.some(({ address }) => address === this.#address),
    )
  }

  async isEmpty() {
    return (await this.#unread()).length === 0
  }

  /** Waits for an unread mail that contains this text. */
  async next(text = '') {
    const deadline = Date.now() + TIMEOUT
    while (Date.now() < deadline) {
      const letter = (await this.#unread()).find((letter) => letter.text.includes(text))
      if (letter) {
        this.#read.add(letter)
        return letter
      }
      await sleep(50)
    }
    throw new Error(`no letter with "${text}" came to ${this.#address}`)
  }

  /** Waits for a mail with a link to this path. */
  async link(path) {
    const letter = await this.next(path)
    return new URL(letter.text.match(/https?:\/\/\S+/g).find((link) => link.includes(path)))
  }
}
