if (!process.env.SITES) {
  throw new Error('SITES is not set: these tests are run by `cargo test`, which starts the servers')
}

const sites = JSON.parse(process.env.SITES)

for (const site of [sites.fresh, sites.site, sites.stale, sites.passwordless]) {
  const url = new URL(site.url)
  // Mailed links use the host localhost, and a cookie is bound to its host.
  url.hostname = 'localhost'
  site.url = url.origin
}

/**
 * `fresh` has no admin yet, in `stale` no session is fresh any more, `passwordless` has neither an admin nor passwords nor
 * a fresh session, `apart` starts in a test.
 */
export const { fresh, site, stale, passwordless, apart } = sites
