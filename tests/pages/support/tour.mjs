import { enter, part, press } from './forms.mjs'
import { OTHER_PASSWORD, ask, beginTwoFactor, enableTwoFactor, makeToken, uniqueEmail, newUser, signedIn, withToken } from './people.mjs'

const LONG = 'Wolfeschlegelsteinhausenbergerdorff'

/** Creates a user with everything that a page can show, all with long names; one of the tokens is revoked. */
async function busy(site) {
  const email = `${'long'.repeat(6)}-${uniqueEmail()}`
  const ada = await newUser(site, { name: `${LONG} ${LONG}`, email })
  for (const name of ['backup', LONG.repeat(2)]) {
    await makeToken(site, ada.cookie, { name, scopes: ['read', 'write'], expiresInDays: 30 })
  }
  const revoked = await makeToken(site, ada.cookie, { name: 'revoked' })
  await withToken(site, revoked, '/api/tokens/current', 'DELETE')
  await ask(site, '/api/auth/change-email', { cookie: ada.cookie, body: { newEmail: `${'new'.repeat(9)}-${uniqueEmail()}` } })
  await signedIn(site, ada)
  return ada
}

async function lockedOut(site, admin) {
  const ada = await newUser(site)
  await ask(site, `/api/admin/users/${ada.id}/deactivate`, { cookie: admin, body: {} })
  return ada
}

/** Creates a user whom an admin renames, and who then deletes the account. */
async function departed(site, admin) {
  const eve = await newUser(site, { name: 'Eve' })
  await ask(site, `/api/admin/users/${eve.id}`, { cookie: admin, method: 'PATCH', body: { name: 'E.' } })
  await ask(site, '/api/auth/delete-user', { cookie: eve.cookie, body: { password: eve.password } })
  return eve
}

/** Invites a user, who has not set a password yet. */
async function invite(site, admin) {
  const body = { name: 'Grace', email: uniqueEmail() }
  const answer = await ask(site, '/api/admin/users', { cookie: admin, body })
  return (await answer.json()).id
}

async function answerOf(site, path, cookie) {
  return (await ask(site, path, { cookie, method: 'GET' })).json()
}

const alert = (place) => place.getByRole('alert').filter({ visible: true }).waitFor()

async function failToSignIn(page) {
  await enter(page, { 'Email': uniqueEmail(), Password: OTHER_PASSWORD })
  await press(page.locator('main'), 'Sign in')
  await alert(page)
}

const invalid = (page) => page.locator('[aria-invalid]').first().waitFor()

async function failToChange(page) {
  await enter(page, { 'Current password': OTHER_PASSWORD, 'New password': 'correct horse 2' })
  await press(page, 'Change password')
  await invalid(page)
}

async function createToken(page) {
  await page.getByText('Create token').click()
  await enter(page, { Name: 'tour' })
  await press(page, 'Create')
  await page.locator('#created').waitFor()
}

async function failToCreateToken(page) {
  await enter(page, { Name: ' ' })
  await page.getByLabel('read: see, and change nothing').uncheck()
  await press(page, 'Create')
  await alert(page)
}

async function rename(page) {
  await page.getByText('Rename').first().click()
}

async function askToRevoke(page) {
  await part(page, 'Your tokens').getByRole('button', { name: /^Revoke/ }).first().click()
  await page.getByRole('dialog').waitFor()
}

async function askToDeactivate(page) {
  await press(page, 'Deactivate')
  await page.getByRole('dialog').waitFor()
}

async function askToRemoveTheRole(page) {
  await press(page, 'Remove admin role')
  await page.getByRole('dialog').waitFor()
}

async function askForThePassword(page) {
  await enter(page, { 'New email': uniqueEmail() })
  await press(page, 'Change email')
  await page.getByRole('dialog').waitFor()
}

/**
 * Every page for each kind of visitor: its path, the cookie to request it with, what to do on it first, and the
 * status of the page or of that action, where it is an error.
 */
export async function tour({ site, stale }) {
  const admin = await signedIn(site, site.admin)
  const [ada, full, out] = [await newUser(site), await busy(site), await lockedOut(site, admin)]
  const gone = await departed(site, admin)
  const invited = await invite(site, admin)
  const [beginner, safe] = [await newUser(site), await newUser(site)]
  await beginTwoFactor(site, beginner)
  const { cookie: safeCookie } = await enableTwoFactor(site, safe)
  const self = (await answerOf(site, '/api/auth/get-session', admin)).user.id
  const anonymous = [
    { name: 'welcome', path: '/dashboard' },
    { name: 'sign-in', path: '/login' },
    { name: 'sign-in-again', path: '/login?why=ended&next=/settings' },
    { name: 'sign-in-failed', path: '/login', act: failToSignIn, status: 401 },
    { name: 'two-factor-ended', path: '/two-factor' },
    { name: 'sign-up', path: '/signup' },
    { name: 'forgot-password', path: '/forgot-password' },
    { name: 'magic-link', path: '/magic-link' },
    { name: 'magic-link-followed', path: '/magic-link#token=x' },
    { name: 'reset-password', path: '/reset-password#token=x' },
    { name: 'reset-password-incomplete', path: '/reset-password' },
    { name: 'verify-email', path: '/verify-email#token=x' },
    { name: 'verify-email-incomplete', path: '/verify-email' },
    { name: 'delete-account-signed-out', path: '/delete-account#token=x' },
    { name: 'not-verified', path: '/verify-email?error=TOKEN_EXPIRED' },
    { name: 'set-up-already', path: '/setup' },
    { name: 'not-found', path: '/nothing', status: 404 },
  ]
  const signedInAs = [
    { name: 'dashboard', path: '/dashboard', cookie: ada.cookie },
    { name: 'delete-account', path: '/delete-account#token=x', cookie: ada.cookie },
    { name: 'delete-account-incomplete', path: '/delete-account', cookie: ada.cookie },
    { name: 'settings-empty', path: '/settings', cookie: ada.cookie },
    { name: 'settings', path: '/settings', cookie: full.cookie },
    { name: 'settings-failed', path: '/settings', cookie: full.cookie, act: failToChange, status: 400 },
    { name: 'passkeys', path: '/settings/passkeys', cookie: ada.cookie },
    { name: 'two-factor-off', path: '/settings/two-factor', cookie: ada.cookie },
    { name: 'two-factor-begun', path: '/settings/two-factor', cookie: beginner.cookie },
    { name: 'two-factor-on', path: '/settings/two-factor', cookie: safeCookie },
    { name: 'two-factor', path: '/two-factor', cookie: 'portcullis-challenge=x' },
    { name: 'tokens-empty', path: '/settings/tokens', cookie: ada.cookie },
    { name: 'tokens', path: '/settings/tokens', cookie: full.cookie },
    { name: 'tokens-revoked', path: '/settings/tokens?state=revoked', cookie: full.cookie },
    { name: 'tokens-created', path: '/settings/tokens', cookie: full.cookie, act: createToken },
    { name: 'tokens-failed', path: '/settings/tokens', cookie: ada.cookie, act: failToCreateToken, status: 422 },
    { name: 'tokens-rename', path: '/settings/tokens', cookie: full.cookie, act: rename },
    { name: 'tokens-dialog', path: '/settings/tokens', cookie: full.cookie, act: askToRevoke },
    { name: 'not-found-signed-in', path: '/nothing', cookie: ada.cookie, status: 404 },
    { name: 'forbidden', path: '/admin', cookie: ada.cookie, status: 403 },
    { name: 'not-understood', path: '/login?why=x', cookie: ada.cookie, status: 400 },
    { name: 'not-verified-signed-in', path: '/verify-email?error=x', cookie: ada.cookie },
  ]
  const admins = [
    { name: 'admin-users', path: '/admin' },
    { name: 'admin-users-none', path: '/admin?search=nobody-is-called-so' },
    { name: 'admin-user', path: `/admin/users/${full.id}` },
    { name: 'admin-user-two-factor', path: `/admin/users/${safe.id}` },
    { name: 'admin-user-out', path: `/admin/users/${out.id}` },
    { name: 'admin-user-invited', path: `/admin/users/${invited}` },
    { name: 'admin-user-dialog', path: `/admin/users/${full.id}`, act: askToDeactivate },
    { name: 'admin-user-self', path: `/admin/users/${self}`, act: askToDeactivate },
    { name: 'admin-user-self-role', path: `/admin/users/${self}`, act: askToRemoveTheRole },
    { name: 'admin-users-wrong', path: '/admin?role=owner' },
    { name: 'admin-users-page', path: `/admin?cursor=${out.id}` },
    { name: 'admin-tokens', path: '/admin/tokens' },
    { name: 'admin-tokens-none', path: `/admin/tokens?user=${ada.id}` },
    { name: 'admin-tokens-several', path: '/admin/tokens?user=ada&state=active' },
    { name: 'admin-tokens-of-one', path: `/admin/tokens?user=${full.email}` },
    { name: 'admin-tokens-wrong', path: '/admin/tokens?user=nobody@example.com&state=gone' },
    { name: 'settings-activity', path: '/settings/activity' },
    { name: 'admin-activity', path: '/admin/activity' },
    { name: 'admin-activity-of-one', path: `/admin/activity?subject=${gone.id}` },
    { name: 'admin-activity-wrong', path: '/admin/activity?subject=nobody' },
    { name: 'admin-jobs-none', path: '/admin/jobs?state=given-up' },
  ]
  const elsewhere = stale && [
    { name: 'fresh-dialog', path: '/settings', cookie: stale.sleeper, act: askForThePassword, status: 403 },
    { name: 'admin-jobs', path: '/admin/jobs', cookie: stale.admin },
  ]
  return [
    ...[...anonymous, ...signedInAs].map((stop) => ({ ...stop, site })),
    ...admins.map((stop) => ({ ...stop, site, cookie: admin })),
    ...(elsewhere ?? []).map((stop) => ({ ...stop, site: stale })),
  ]
}
