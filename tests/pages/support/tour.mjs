import { enter, part, press } from './forms.mjs'
import { OTHER_PASSWORD, ask, makeToken, newAddress, newcomer, signedIn } from './people.mjs'

const LONG = 'Wolfeschlegelsteinhausenbergerdorff'

/** Somebody who has all that a page can show, and long names for all of it. */
async function busy(site) {
  const email = `${'long'.repeat(6)}-${newAddress()}`
  const ada = await newcomer(site, { name: `${LONG} ${LONG}`, email })
  for (const name of ['backup', LONG.repeat(2)]) {
    await makeToken(site, ada.cookie, { name, scopes: ['read', 'write'], expiresInDays: 30 })
  }
  await signedIn(site, ada)
  return ada
}

async function lockedOut(site, admin) {
  const ada = await newcomer(site)
  await ask(site, `/api/admin/users/${ada.id}/deactivate`, { cookie: admin, body: {} })
  return ada
}

const alert = (place) => place.getByRole('alert').filter({ visible: true }).waitFor()

async function failToSignIn(page) {
  await enter(page, { 'E-mail address': newAddress(), Password: OTHER_PASSWORD })
  await press(page.locator('main'), 'Sign in')
  await alert(page)
}

async function failToChange(page) {
  await enter(page, { 'Present password': OTHER_PASSWORD, 'New password': 'correct horse 2' })
  await press(page, 'Change the password')
  await alert(page)
}

async function makeAToken(page) {
  await enter(page, { 'What it is for': 'tour' })
  await press(page, 'Make the token')
  await page.locator('#made').waitFor()
}

async function askToRevoke(page) {
  await part(page, 'API tokens').getByRole('button', { name: /^Revoke/ }).first().click()
  await page.getByRole('dialog').waitFor()
}

async function askForThePassword(page) {
  await enter(page, { 'New address': newAddress() })
  await press(page, 'Change the address')
  await page.getByRole('dialog').waitFor()
}

/**
 * Every page, as each kind of visitor finds it: its path, the cookie to see it with, what to do on it
 * first, and the status that is answered to one or the other, where it is an error.
 */
export async function tour({ site, stale }) {
  const admin = await signedIn(site, site.admin)
  const [ada, full, out] = [await newcomer(site), await busy(site), await lockedOut(site, admin)]
  const anonymous = [
    { name: 'welcome', path: '/dashboard' },
    { name: 'sign-in', path: '/login' },
    { name: 'sign-in-again', path: '/login?why=ended&next=/settings' },
    { name: 'sign-in-failed', path: '/login', act: failToSignIn, status: 401 },
    { name: 'sign-up', path: '/signup' },
    { name: 'forgot-password', path: '/forgot-password' },
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
    { name: 'settings-token', path: '/settings', cookie: full.cookie, act: makeAToken },
    { name: 'settings-dialog', path: '/settings', cookie: full.cookie, act: askToRevoke },
    { name: 'forbidden', path: '/admin', cookie: ada.cookie, status: 403 },
    { name: 'not-understood', path: '/settings?cursor=x', cookie: ada.cookie, status: 400 },
    { name: 'not-verified-signed-in', path: '/verify-email?error=x', cookie: ada.cookie },
  ]
  const admins = [
    { name: 'admin-users', path: '/admin' },
    { name: 'admin-users-none', path: '/admin?search=nobody-is-called-so' },
    { name: 'admin-user', path: `/admin/users/${full.id}` },
    { name: 'admin-user-out', path: `/admin/users/${out.id}` },
    { name: 'admin-tokens', path: '/admin/tokens' },
    { name: 'admin-tokens-none', path: `/admin/tokens?user=${ada.id}` },
    { name: 'admin-audit-events', path: '/admin/audit-events' },
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
