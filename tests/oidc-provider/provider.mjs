// A real OpenID provider for the tests, and its faults. It prints where it listens as a line of JSON, and ends with its
// standard input. The tests control it by JSON requests under /test/.

import { createServer } from 'node:http'
import { generateKeyPair, exportJWK, SignJWT, decodeJwt } from 'jose'
import Provider from 'oidc-provider'

const CLIENT = { client_id: 'portcullis', client_secret: 'a client secret of the tests only' }

let issuer
let redirectUris = []
let provider
let handle
let signing
let keys = 0
/** Each user's claims, by their id. */
const users = new Map()
/** What the tests have asked for: see /test/faults. */
let faults = {}
/** How often each path was requested. */
let requests = {}

async function newKey() {
  keys += 1
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  return { privateKey, jwk: { ...(await exportJWK(privateKey)), kid: `key-${keys}`, alg: 'RS256', use: 'sig' } }
}

async function start() {
  provider = new Provider(issuer, {
    clients: [{ ...CLIENT, redirect_uris: redirectUris, response_types: ['code'], grant_types: ['authorization_code'] }],
    jwks: { keys: [signing.jwk] },
    cookies: { keys: ['a key of the tests only'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    // As most providers do: the email is in the ID token, unless a test wants it from the user info.
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
    interactions: { url: (_, interaction) => `/test/interaction/${interaction.uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...users.get(sub) }) }),
  })
  provider.proxy = false
  provider.use(async (context, next) => {
    await next()
    if (context.path === '/token' && context.body?.id_token && faults.idToken) {
      context.body = { ...context.body, id_token: await forged(decodeJwt(context.body.id_token)) }
    }
    if (context.path === '/.well-known/openid-configuration' && faults.metadata) {
      context.body = { ...context.body, ...faults.metadata }
    }
  })
  handle = provider.callback()
}

/** Signs a token with other claims, where null removes one; by another key of the same id, if `wrongKey` is set. */
async function forged(claims) {
  const { wrongKey, ...others } = faults.idToken
  const entries = Object.entries({ ...claims, ...others }).filter(([, value]) => value !== null)
  const key = wrongKey ? await newKey() : signing
  return new SignJWT(Object.fromEntries(entries))
    .setProtectedHeader({ alg: 'RS256', kid: signing.jwk.kid })
    .sign(key.privateKey)
}

/** Signs the only user in without asking, and consents. */
async function interact(request, response) {
  const { params, session } = await provider.interactionDetails(request, response)
  const accountId = session?.accountId ?? params.login_hint
  const grant = new provider.Grant({ accountId, clientId: params.client_id })
  grant.addOIDCScope(params.scope)
  const result = faults.denied
    ? { error: 'access_denied', error_description: 'The user said no.' }
    : { login: { accountId }, consent: { grantId: await grant.save() } }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
}

/** Follows the redirects of a browser from the provider's URL, until they leave the provider. */
async function signIn(url, user) {
  const jar = new Map()
  let next = new URL(url)
  if (user) next.searchParams.set('login_hint', user)
  for (let step = 0; step < 8; step += 1) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(next, { redirect: 'manual', headers: { cookie } })
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set)
      if (value) jar.set(name, value)
      else jar.delete(name)
    }
    const location = answer.headers.get('location')
    if (!location) throw new Error(`the provider responds with ${answer.status}: ${await answer.text()}`)
    next = new URL(location, next)
    if (next.origin !== issuer) return next.href
  }
  throw new Error('the provider redirects without an end')
}

const controls = {
  /** Sets the client's redirect URIs. */
  async client(body) {
    redirectUris = body.redirectUris
    await start()
    return {}
  },
  /** Sets the faults, in place of all earlier ones. */
  faults(body) {
    faults = body
    return {}
  },
  /** Replaces the signing key. */
  async rotate() {
    signing = await newKey()
    await start()
    return {}
  },
  /** Signs a user with these claims in, as a browser does, and returns where it is redirected to. */
  async 'sign-in'({ url, sub, ...claims }) {
    users.set(sub, claims)
    return { url: await signIn(url, sub) }
  },
  /** Returns an ID token with these claims. */
  async 'id-token'(claims) {
    const now = Math.floor(Date.now() / 1000)
    const usual = { iss: issuer, aud: CLIENT.client_id, iat: now, exp: now + 600 }
    faults.idToken ??= {}
    return { token: await forged({ ...usual, ...claims }) }
  },
  requests: () => requests,
}

async function control(name, request, response) {
  let body = ''
  for await (const part of request) body += part
  try {
    const answer = await controls[name](JSON.parse(body || '{}'))
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  } catch (error) {
    response.writeHead(500).end(String(error.stack))
  }
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, issuer)
  const [, test, name] = pathname.split('/')
  if (test === 'test' && name !== 'interaction') return control(name, request, response)
  requests[pathname] = (requests[pathname] ?? 0) + 1
  if (faults.down?.some((path) => pathname.startsWith(path))) return request.socket.destroy()
  // Without an answer, until the client gives up.
  if (faults.slow?.some((path) => pathname.startsWith(path))) return
  try {
    await (test === 'test' ? interact(request, response) : handle(request, response))
  } catch (error) {
    response.writeHead(500).end(String(error.stack))
  }
})

server.listen(0, '127.0.0.1', async () => {
  issuer = `http://127.0.0.1:${server.address().port}`
  signing = await newKey()
  await start()
  console.log(JSON.stringify({ issuer, ...CLIENT }))
})
process.stdin.resume().on('end', () => process.exit())
