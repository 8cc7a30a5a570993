// Starts Swagger UI. What it gets wrong about this API is put right by a plugin, in place of a changed copy of it:
// https://swagger.io/docs/open-source-tools/swagger-ui/customization/plugin-api/

'use strict'

const DOCUMENT = '/openapi.json'

/** Groups that a first session does not need. */
const FOLDED = ['auth', 'admin']

const SIGN_IN = ['auth', 'sign_in_email']

/** Dark where the reader's system is. */
const dark = matchMedia('(prefers-color-scheme: dark)')
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', follow)
follow()

const takes = (security, scheme) => security.some((requirement) => requirement.has(scheme))
const needsNothing = (security) => security.some((requirement) => requirement.isEmpty())

/** An operation has a padlock if it needs a credential; it is closed if the one that would be sent is taken. */
const padlocks = ({ React }) => ({
  statePlugins: {
    auth: {
      actions: { showSignedIn: (payload) => ({ type: 'signed_in', payload }) },
      reducers: { signed_in: (state, { payload }) => state.set('signedIn', payload) },
      wrapSelectors: {
        // A token is sent where there is one, and the server does not look at the cookie then.
        isAuthorized: () => (state, security) => {
          if (!security) return null
          if (state.hasIn(['authorized', 'bearer'])) return takes(security, 'bearer')
          return state.get('signedIn', false) && takes(security, 'cookie')
        },
        // The cookie is the browser's: no page can set it.
        definitionsToAuthorize: (original) => () =>
          original().filter((definition) => definition.has('bearer')),
      },
      wrapActions: {
        showDefinitions: (original, { layoutActions }) => (definitions) => {
          if (!definitions || definitions.size) return original(definitions)
          const [group, operation] = SIGN_IN
          layoutActions.show(['operations-tag', group], true)
          layoutActions.show(['operations', group, operation], true)
          return layoutActions.scrollTo(['operations', group, operation])
        },
      },
    },
  },
  wrapComponents: {
    OperationSummary: (Original) => (props) => {
      const operationProps = props.operationProps.update('security', (security) =>
        security && needsNothing(security) ? security.clear() : security,
      )
      return React.createElement(Original, { ...props, operationProps })
    },
  },
})

/** Finds operations by words of their group, path, method, summary and name. */
const filter = ({ React }) => ({
  fn: {
    opsFilter: (groups, phrase) => {
      const words = phrase.toLowerCase().split(/\s+/)
      const fits = (group) => (operation) => {
        const details = operation.get('operation')
        const texts = [group, operation.get('method'), operation.get('path')]
        texts.push(details.get('summary'), details.get('operationId'))
        const text = texts.join(' ').toLowerCase()
        return words.every((word) => text.includes(word))
      }
      return groups
        .map((group, name) => group.update('operations', (all) => all.filter(fits(name))))
        .filter((group) => group.get('operations').size)
    },
  },
  statePlugins: {
    layout: {
      wrapSelectors: {
        isShown: (original) => (state, thing, byDefault) => {
          const [kind, name] = [thing].flat()
          if (kind !== 'operations-tag') return original(thing, byDefault)
          const isFiltered = typeof state.get('filter') === 'string' && state.get('filter') !== ''
          return isFiltered || original(thing, byDefault && !FOLDED.includes(name))
        },
      },
    },
  },
  components: {
    FilterContainer: ({ layoutSelectors, layoutActions }) => {
      const phrase = layoutSelectors.currentFilter()
      return React.createElement(
        'search',
        { className: 'filter wrapper' },
        React.createElement('input', {
          className: 'operation-filter-input',
          type: 'search',
          'aria-label': 'Filter operations',
          placeholder: 'Filter: revoke token, /api/tokens, admin …',
          value: typeof phrase === 'string' ? phrase : '',
          onChange: ({ target }) => layoutActions.updateFilter(target.value),
        }),
      )
    },
  },
  wrapComponents: {
    operations: (Original) => (props) => {
      const isFiltered = props.layoutSelectors.currentFilter()
      const none = isFiltered && props.specSelectors.taggedOperations().size === 0
      return none
        ? React.createElement('p', { className: 'none' }, 'No operation fits.')
        : React.createElement(Original, props)
    },
  },
})

const ui = SwaggerUIBundle({
  url: DOCUMENT,
  dom_id: '#swagger-ui',
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [padlocks, filter],
  layout: 'BaseLayout',
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  responseInterceptor: (response) => {
    const { pathname } = new URL(response.url, location)
    if (response.status === 401 || /^\/api\/(auth|setup)/.test(pathname)) look()
    return response
  },
  onComplete: () => look(),
})

/** Whether this browser has a session, which no script can tell from its cookie. */
async function look() {
  const answer = await fetch('/api/auth/get-session?disableRefresh=true')
  if (answer.ok) ui.authActions.showSignedIn((await answer.json()) !== null)
}
