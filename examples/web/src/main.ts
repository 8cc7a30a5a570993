// Signing up, in and out, and what happens when a session ends.

import { answered, api, auth, server } from './api'
import { open } from './invoices'
import { attempt, find, onSubmit, show } from './page'

/** The user whose invoices and drafts this page holds. */
let owner: string | undefined

/** Shows the invoices to a user who is signed in, and the sign-in form to everyone else. */
async function enter() {
  const session = await answered(auth.getSession())
  if (!session) return show('sign-in')
  const { id, name } = session.user
  // What this page holds belongs to another user.
  if (owner && owner !== id) return leave()
  show('invoices')
  find('#user').textContent = name
  owner = id
  void open()
}

/** Begins with an empty page: no list, no draft, no password. */
function leave() {
  location.replace(import.meta.env.BASE_URL)
}

// The session can end at any time: revoked, expired, or signed out in another tab.
api.use({
  onResponse({ response }) {
    if (response.status === 401) show('sign-in', 'Your session has ended. Sign in to go on: what you typed is still there.')
  },
})

onSubmit('sign-in', async (field) => {
  const answer = await answered(auth.signIn.email({ email: field('email'), password: field('password') }))
  find<HTMLInputElement>('#sign-in [name=password]').value = ''
  if (answer && 'twoFactorRedirect' in answer) show('second-factor')
  else await enter()
})

onSubmit('second-factor', async (field) => {
  const code = field('code').trim()
  const isOfApp = /^\d{6}$/.test(code)
  await answered(isOfApp ? auth.twoFactor.verifyTotp({ code }) : auth.twoFactor.verifyBackupCode({ code }))
  find<HTMLInputElement>('#second-factor [name=code]').value = ''
  await enter()
})

onSubmit('sign-up', async (field) => {
  // The mailed link that confirms the email leads back here.
  const callbackURL = new URL(import.meta.env.BASE_URL, location.origin).href
  const account = { name: field('name'), email: field('email'), password: field('password'), callbackURL }
  const created = await answered(auth.signUp.email(account))
  find<HTMLInputElement>('#sign-up [name=password]').value = ''
  if (created?.token) await enter()
  else show('sign-in', `Follow the link that was sent to ${account.email}, then sign in.`)
})

find('#sign-out').addEventListener('click', () =>
  attempt(find('#account'), async () => {
    await answered(auth.signOut())
    leave()
  }),
)

for (const button of document.querySelectorAll<HTMLElement>('[data-show]')) {
  button.addEventListener('click', () => show(button.dataset.show ?? ''))
}

// Pages of the server itself.
for (const link of document.querySelectorAll<HTMLAnchorElement>('a[data-page]')) {
  link.href = `${server}${link.dataset.page}`
}

const begin = () => attempt(find('#start'), enter)
find('#again').addEventListener('click', begin)
void begin()
