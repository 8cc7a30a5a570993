import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

const CEREMONIES = ['create', 'get']

/** The algorithms: the kind of key, and its COSE form. */
const ALGORITHMS = {
  ES256: {
    key: ['ec', { namedCurve: 'P-256' }],
    cose: ({ x, y }) => [hex('a5010203262001215820'), base64(x), hex('225820'), base64(y)],
  },
  EdDSA: { key: ['ed25519'], hash: null, cose: ({ x }) => [hex('a4010103272006215820'), base64(x)] },
  RS256: {
    key: ['rsa', { modulusLength: 2048 }],
    cose: ({ n }) => [hex('a401030339010020590100'), base64(n), hex('2143010001')],
  },
}

const hex = (text) => Buffer.from(text, 'hex')
const base64 = (text) => Buffer.from(text, 'base64url')
const sha256 = (data) => createHash('sha256').update(data).digest()

/**
 * An authenticator in software, for pages of a server, with at most one passkey. The client finds it where a browser has
 * `navigator.credentials`.
 */
export class PasskeyAuthenticator {
  verifies = true
  #origin
  #domain
  #algorithm
  #keys
  #id = randomBytes(32)
  #user

  constructor({ url }, algorithm = 'ES256') {
    this.#algorithm = ALGORITHMS[algorithm]
    this.#keys = generateKeyPairSync(...this.#algorithm.key)
    this.#origin = url
    this.#domain = new URL(url).hostname
  }

  /** Makes it the one that the client uses from now on. */
  use() {
    globalThis.PublicKeyCredential = class {}
    const credentials = Object.fromEntries(CEREMONIES.map((name) => [name, (options) => this[name](options)]))
    Object.defineProperty(globalThis, 'navigator', { value: { credentials }, configurable: true })
  }

  #clientData(type, challenge) {
    return Buffer.from(
      JSON.stringify({
        type,
        challenge: Buffer.from(challenge).toString('base64url'),
        origin: this.#origin,
        crossOrigin: false,
      }),
    )
  }

  /** With the flags UP, UV if it verifies, and AT if there is a new passkey. */
  #data(attested = Buffer.alloc(0)) {
    const flags = 0x01 | (this.verifies ? 0x04 : 0) | (attested.length > 0 ? 0x40 : 0)
    return Buffer.concat([sha256(this.#domain), Buffer.from([flags, 0, 0, 0, 0]), attested])
  }

  #credential(response) {
    return {
      id: this.#id.toString('base64url'),
      rawId: this.#id,
      type: 'public-key',
      authenticatorAttachment: 'platform',
      response,
      getClientExtensionResults: () => ({}),
    }
  }

  create({ publicKey }) {
    if (publicKey.excludeCredentials.some(({ id }) => Buffer.from(id).equals(this.#id))) {
      throw new DOMException('It has a passkey for this account.', 'InvalidStateError')
    }
    this.#user = Buffer.from(publicKey.user.id)
    const cose = this.#algorithm.cose(this.#keys.publicKey.export({ format: 'jwk' }))
    const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, this.#id.length]), this.#id, ...cose])
    const data = this.#data(attested)
    // {"fmt": "none", "attStmt": {}, "authData": data}
    const head = Buffer.from('\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData', 'latin1')
    const length = data.length < 256 ? [0x58, data.length] : [0x59, data.length >> 8, data.length & 0xff]
    return this.#credential({
      clientDataJSON: this.#clientData('webauthn.create', publicKey.challenge),
      attestationObject: Buffer.concat([head, Buffer.from(length), data]),
      getTransports: () => ['internal'],
    })
  }

  get({ publicKey }) {
    const clientDataJSON = this.#clientData('webauthn.get', publicKey.challenge)
    const authenticatorData = this.#data()
    const signed = Buffer.concat([authenticatorData, sha256(clientDataJSON)])
    const { hash = 'sha256' } = this.#algorithm
    const signature = sign(hash, signed, this.#keys.privateKey)
    return this.#credential({ clientDataJSON, authenticatorData, signature, userHandle: this.#user })
  }
}
