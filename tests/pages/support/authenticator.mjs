import { createHmac } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

function fromBase32(text) {
  const bits = [...text].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('')
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
}

/** An authenticator app that has scanned this URI (RFC 6238). */
export class Authenticator {
  constructor(uri) {
    this.key = fromBase32(new URL(uri).searchParams.get('secret'))
  }

  /** The code at this time, or that many steps of 30 seconds later. */
  code(time, later = 0) {
    const step = Buffer.alloc(8)
    step.writeBigUInt64BE(BigInt(Math.floor(new Date(time) / 30_000) + later))
    const digest = createHmac('sha1', this.key).update(step).digest()
    const number = digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff
    return String(number % 1_000_000).padStart(6, '0')
  }
}
