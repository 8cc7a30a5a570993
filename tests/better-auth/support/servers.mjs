if (!process.env.SERVERS) {
  throw new Error('SERVERS is not set: these tests are run by `cargo test`, which starts the servers')
}

export const { plain, verifying, closed, stale, social } = Object.fromEntries(
  Object.entries(JSON.parse(process.env.SERVERS)).map(([name, server]) => {
    const url = new URL(server.url)
    // Mailed links use the host localhost, and a cookie is bound to its host.
    url.hostname = 'localhost'
    return [name, { ...server, url: url.origin }]
  }),
)
