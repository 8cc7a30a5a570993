import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { assertAccessible } from './support/accessible.mjs'
import { alert, enter, entered, press, says, section, visit } from './support/browser.mjs'
import { PASSWORD, createInvoices, enableTwoFactor, newUser, uniqueEmail } from './support/people.mjs'
import { database, development, elsewhere, ledger } from './support/servers.mjs'

const INVOICE = { Number: '2026-001', Customer: 'Analytical Engines Ltd', Amount: '1299.90', 'Due date': '2026-12-31' }

async function signIn(page, email, password = PASSWORD) {
  const form = await section(page, 'Sign in')
  await enter(form, { Email: email, Password: password })
  await press(form, 'Sign in')
}

const row = (page, number) => page.getByRole('listitem').filter({ has: page.getByText(number, { exact: true }).first() })

for (const [place, url] of [['in development', development], ['built, on another origin', elsewhere]]) {
  test(`${place}: user signs up, creates, pays and deletes an invoice, signs out, and signs in again`, async () => {
    const page = await visit(url)
    await press(await section(page, 'Sign in'), 'Create an account')
    const email = uniqueEmail()
    const account = await section(page, 'Create an account')
    await enter(account, { 'Your name': 'Ada', Email: email, Password: PASSWORD })
    await press(account, 'Create account')

    const invoices = await section(page, 'Invoices')
    await invoices.getByText('You have no invoice yet.').waitFor()
    await assertAccessible(page)
    await enter(invoices, INVOICE)
    await press(invoices, 'Create invoice')
    await says(page, 'Invoice 2026-001 was created.')
    assert.deepEqual(await entered(invoices, Object.keys(INVOICE)), ['', '', '', ''])
    const text = (await row(page, '2026-001').innerText()).split(/\n+/)
    assert.deepEqual(text.slice(0, 2), ['2026-001 draft', 'Analytical Engines Ltd · 1,299.90 · due Dec 31, 2026'])

    await press(page, 'Mark as paid 2026-001')
    await says(page, 'Invoice 2026-001 is paid.')
    await page.reload()
    await row(page, '2026-001').getByText('paid', { exact: true }).waitFor()
    assert.equal(await page.getByRole('button', { name: /^Mark as paid/ }).count(), 0)

    await press(page, 'Delete 2026-001')
    await says(page, 'Invoice 2026-001 was deleted.')
    await invoices.getByText('You have no invoice yet.').waitFor()

    await press(page, 'Sign out')
    await signIn(page, email)
    await section(page, 'Invoices')
  })
}

test('number that is taken shows the error beside the field, and the next attempt succeeds', async () => {
  const ada = await newUser()
  await createInvoices(ada, 1)
  const page = await visit(development, ada.cookie)
  const invoices = await section(page, 'Invoices')
  await enter(invoices, { ...INVOICE, Number: '1' })
  await press(invoices, 'Create invoice')
  const number = invoices.locator('[aria-invalid]')
  await number.and(invoices.getByLabel('Number')).waitFor()
  const error = page.locator(`#${await number.getAttribute('aria-describedby')}`)
  assert.equal(await error.innerText(), 'You have an invoice with this number already.')
  assert.ok(await number.evaluate((field) => field === document.activeElement))
  assert.deepEqual(await entered(invoices, ['Customer', 'Amount']), [INVOICE.Customer, INVOICE.Amount])
  await assertAccessible(page)

  await enter(invoices, { Number: '2' })
  await press(invoices, 'Create invoice')
  await says(page, 'Invoice 2 was created.')
  assert.equal(await number.count() + await error.count(), 0)
})

test('failed sign-in and sign-up say why', async () => {
  const ada = await newUser()
  const page = await visit(development)
  await signIn(page, ada.email, 'not the password')
  await alert(page, 'The email or the password is wrong.')
  await assertAccessible(page)

  await press(page, 'Create an account')
  const account = await section(page, 'Create an account')
  await enter(account, { 'Your name': 'Ada', Email: ada.email, Password: 'short' })
  await press(account, 'Create account')
  await alert(account, 'A password has at least 8 characters.')
  await enter(account, { Password: PASSWORD })
  await press(account, 'Create account')
  await account.getByText('This email is already in use.').waitFor()
  assert.ok(await account.getByLabel('Email').getAttribute('aria-invalid'))
})

test('long list shows the next page when asked, from the first new invoice on', async () => {
  const ada = await newUser()
  await createInvoices(ada, 21)
  const page = await visit(development, ada.cookie)
  const more = page.getByRole('button', { name: 'Show more' })
  await more.waitFor()
  assert.equal(await page.getByRole('listitem').count(), 20)
  await more.click()
  await row(page, '1').waitFor()
  assert.equal(await page.getByRole('listitem').count(), 21)
  assert.ok(await row(page, '1').evaluate((item) => item === document.activeElement))
  assert.equal(await more.count(), 0)
})

test('session that is revoked leads to the sign-in form, and the draft is still there afterwards', async () => {
  const ada = await newUser()
  const page = await visit(development, ada.cookie)
  const invoices = await section(page, 'Invoices')
  await enter(invoices, INVOICE)
  ledger.run('session', 'revoke', '--email', ada.email)
  await press(invoices, 'Create invoice')
  await says(page, 'Your session has ended.')
  await signIn(page, ada.email)
  await alert(invoices, 'Your session had ended, so this was not done. Try again.')
  assert.deepEqual(await entered(invoices, Object.keys(INVOICE)), Object.values(INVOICE))
  await press(invoices, 'Create invoice')
  await says(page, 'Invoice 2026-001 was created.')
})

test('draft and list of a user are gone when another user signs in', async () => {
  const [ada, eve] = [await newUser(), await newUser()]
  await createInvoices(ada, 1)
  const page = await visit(development, ada.cookie)
  const invoices = await section(page, 'Invoices')
  await row(page, '1').waitFor()
  await enter(invoices, INVOICE)
  ledger.run('session', 'revoke', '--email', ada.email)
  await press(page, 'Mark as paid 1')
  await signIn(page, eve.email)
  await invoices.getByText('You have no invoice yet.').waitFor()
  assert.deepEqual(await entered(invoices, Object.keys(INVOICE)), ['', '', '', ''])
})

test('sign-in with a second factor asks for a code, of the app or for recovery', async () => {
  const ada = await newUser()
  const { code, recoveryCodes } = await enableTwoFactor(ada)
  for (const valid of [code, recoveryCodes[0]]) {
    const page = await visit(development)
    await signIn(page, ada.email)
    const form = await section(page, 'Enter a code')
    await enter(form, { 'Code of your authenticator app, or a recovery code': '000000' })
    await press(form, 'Continue')
    await alert(form, /./)
    await enter(form, { 'Code of your authenticator app, or a recovery code': valid })
    await press(form, 'Continue')
    await section(page, 'Invoices')
  }
})

test('form keeps its values while the database is unavailable, and can be sent again', async () => {
  const ada = await newUser()
  const page = await visit(development, ada.cookie)
  const invoices = await section(page, 'Invoices')
  await enter(invoices, INVOICE)
  const lock = spawn('python3', ['-c', LOCK, database])
  await once(lock.stdout, 'data')
  await press(invoices, 'Create invoice')
  await alert(invoices, 'The database is temporarily unavailable. Try again soon.')
  assert.deepEqual(await entered(invoices, Object.keys(INVOICE)), Object.values(INVOICE))
  lock.stdin.end()
  await once(lock, 'exit')
  await press(invoices, 'Create invoice')
  await says(page, 'Invoice 2026-001 was created.')
})

/** Locks a database on SQLite until its input ends. */
const LOCK = `
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
`

for (const [place, url] of [['in development', development], ['built, on another origin', elsewhere]]) {
  test(`${place}: form keeps its values while the server is stopped, and can be sent again`, async (t) => {
    const ada = await newUser()
    const page = await visit(url, ada.cookie)
    const invoices = await section(page, 'Invoices')
    await enter(invoices, INVOICE)
    await ledger.stop()
    let isStopped = true
    t.after(() => isStopped && ledger.start())
    await press(invoices, 'Create invoice')
    await alert(invoices, 'The server does not answer. Nothing that you typed is lost. Try again.')
    assert.deepEqual(await entered(invoices, Object.keys(INVOICE)), Object.values(INVOICE))

    const late = await page.context().newPage()
    await late.goto(url)
    await alert(late, 'The server does not answer.')
    await ledger.start()
    isStopped = false
    await press(late, 'Try again')
    await section(late, 'Invoices')
    await press(invoices, 'Create invoice')
    await says(page, 'Invoice 2026-001 was created.')
  })
}
