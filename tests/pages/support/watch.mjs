/** Records a page's console messages, the hosts of its requests, and the size of the responses. */
export function watch(page, { url }) {
  const host = new URL(url).host
  const said = []
  const foreign = []
  const bodies = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) said.push(message.text())
  })
  page.on('pageerror', (error) => said.push(`${error}`))
  page.on('request', (request) => {
    if (new URL(request.url()).host !== host) foreign.push(request.url())
  })
  page.on('response', (response) => {
    bodies.push(response.body().then((body) => body.length, () => 0))
  })
  return {
    /** The console messages, except the browser's own about a response with this status. */
    complaints: (status) => said.filter((text) => !status || !isAbout(text, status)),
    foreign: () => foreign,
    bytes: async () => (await Promise.all(bodies)).reduce((sum, length) => sum + length, 0),
  }
}

function isAbout(text, status) {
  return text.startsWith(`Failed to load resource: the server responded with a status of ${status} `)
}
