// The one script of all pages. A form is a request to the JSON API: its action is the address, its
// fields are the body, and its data attributes say what comes after. Two hidden fields, which a browser without this
// script sends as well (native_form.rs), are not for the API:
//
//   _method          another method than POST
//   _then            where to go when it is done, unless the answer names a URL
//
//   data-done        what to show in the form's place instead; in it data-filled is what was entered in a field, and
//                    data-answer a part of the answer, whose paragraph is shown if there is one
//   data-said        what to say when it is done
//   data-confirm     what to ask first, data-yes being the answer that goes on
//   data-anonymous   works without a session: 401 is about the input
//   data-needs       the field that the page's link must bring
//   data-passkey     where the options of a passkey ceremony are: what the authenticator returns is sent as well;
//                    data-own if it must be one of the user's own
//   data-offers-passkey  a passkey is offered after it, once
//   data-account-at  is shown if the user has an account at this identity provider
//   data-token       what to show a new token in
//   data-codes       what to show new recovery codes in

const $ = (selector, root = document) => root.querySelector(selector)
const all = (selector, root = document) => [...root.querySelectorAll(selector)]

// ---- What a form sends

function valueOf(field) {
  if (field.type === 'checkbox') return field.checked
  if (field.dataset.number !== undefined) return field.value === '' ? undefined : Number(field.value)
  if (field.dataset.null !== undefined && field.value === '') return null
  if (field.dataset.optional !== undefined && field.value === '') return undefined
  return field.value
}

function bodyOf(form) {
  const body = {}
  for (const field of form.elements) {
    if (!field.name || field.name.startsWith('_') || field.dataset.unsent !== undefined) continue
    if (field.type === 'checkbox' && field.hasAttribute('value')) {
      body[field.name] ??= []
      if (field.checked) body[field.name].push(field.value)
    } else {
      const value = valueOf(field)
      if (value !== undefined) body[field.name] = value
    }
  }
  return body
}

class Problem extends Error {
  constructor(status, body) {
    super(body?.message ?? 'Something went wrong. Try again.')
    this.status = status
    this.code = body?.code
    this.fields = body?.errors ?? []
  }
}

const OUTAGE = { message: 'The server is temporarily unavailable. Nothing is lost. Try again.' }

/** What a hidden field says that is not for the API. */
const instruction = (form, name) => form.elements.namedItem(`_${name}`)?.value

async function ask(form) {
  const { passkey } = form.dataset
  const method = instruction(form, 'method') ?? 'POST'
  const body = bodyOf(form)
  if (passkey) body.response = await performed(form, await request('GET', passkey))
  return request(method, form.getAttribute('action'), body)
}

async function request(method, address, content) {
  const headers = { Accept: 'application/json' }
  if (content) headers['Content-Type'] = 'application/json'
  let answer
  try {
    answer = await fetch(address, { method, headers, body: content && JSON.stringify(content) })
  } catch {
    throw new Problem(0, { message: 'The server cannot be reached. Nothing is lost. Try again.' })
  }
  const text = await answer.text()
  let body = null
  try {
    body = text === '' ? null : JSON.parse(text)
  } catch {
    // What is no JSON did not come from the API: a proxy's error page, say.
  }
  if (answer.ok) return body
  if (answer.status === 503) {
    throw new Problem(503, OUTAGE)
  }
  throw new Problem(answer.status, body)
}

// ---- Passkeys

const Passkeys = globalThis.PublicKeyCredential
const canUsePasskeys = Boolean(Passkeys?.parseCreationOptionsFromJSON)

/** The request of the browser's autofill for a passkey, which a press of a button ends. */
let autofill

/** Asks the authenticator, and returns its response as JSON. */
async function performed(form, options, more = {}) {
  const domain = options.rpId ?? options.rp.id
  const { hostname } = location
  if (hostname !== domain && !hostname.endsWith(`.${domain}`)) {
    throw new Problem(0, { message: `Passkeys of this site work at ${domain}, not at ${hostname}. Open this page there.` })
  }
  if (form.dataset.own !== undefined && !options.allowCredentials) {
    throw new Problem(0, { message: 'You have no passkey yet.' })
  }
  if (!more.signal) autofill?.abort()
  try {
    const credential = options.rp
      ? await navigator.credentials.create({ publicKey: Passkeys.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: Passkeys.parseRequestOptionsFromJSON(options), ...more })
    return credential.toJSON()
  } catch (fault) {
    if (fault.name === 'InvalidStateError') {
      throw new Problem(0, { message: 'This device has a passkey for your account already.' })
    }
    if (['NotAllowedError', 'AbortError'].includes(fault.name)) {
      throw new Problem(0, { message: 'No passkey was used. You can try again.' })
    }
    throw new Problem(0, { message: `The browser could not use a passkey (${fault.name}).` })
  }
}

/** Offers passkeys among the suggestions for the email. */
async function suggestPasskeys(form) {
  if (!(await Passkeys.isConditionalMediationAvailable?.())) return
  const { passkey } = form.dataset
  autofill = new AbortController()
  const { signal } = autofill
  try {
    const options = await request('GET', passkey)
    const response = await performed(form, options, { mediation: 'conditional', signal })
    const answer = await request('POST', form.getAttribute('action'), { response })
    done(form, answer)
  } catch (problem) {
    // Nothing was asked for, so nothing is said unless the server has rejected what the user has chosen.
    if (problem instanceof Problem && problem.status > 0 && !signal.aborted) show(form, problem)
  }
}

for (const form of all('[data-passkey]')) {
  if (form.hidden) form.hidden = !canUsePasskeys
}
for (const place of all('[data-without-passkeys]')) place.hidden = canUsePasskeys

const suggesting = $('[data-passkey][data-anonymous]')
if (suggesting && canUsePasskeys) suggestPasskeys(suggesting)

/** A cookie, because signing out clears all other storage. It is of the browser: so is the passkey that it is about. */
const OFFERED = 'passkey-offered'

async function offerPasskey(offer) {
  sessionStorage.removeItem('offer-passkey')
  if (document.cookie.includes(`${OFFERED}=`)) return
  if (!(await Passkeys.isUserVerifyingPlatformAuthenticatorAvailable())) return
  const present = await request('GET', '/api/auth/passkey/list-user-passkeys').catch(() => null)
  if (present?.length !== 0) return
  document.cookie = `${OFFERED}=1; path=/; max-age=31536000; samesite=lax`
  offer.hidden = false
}

const offer = $('#passkey-offer')
if (offer && canUsePasskeys && sessionStorage.getItem('offer-passkey')) offerPasskey(offer)

// ---- What is wrong, where it is entered

/** Which field a code is about, where the answer names none. */
const ABOUT = [
  [/^PASSWORD_/, ['newPassword', 'password']],
  [/^INVALID_PASSWORD$/, ['currentPassword', 'password']],
  [/^(INVALID_CODE|INVALID_BACKUP_CODE|second_factor_required)$/, ['code']],
  [/EMAIL|^email_/, ['newEmail', 'email']],
]

function fieldOf(form, name) {
  const found = form.elements.namedItem(name)
  return found instanceof RadioNodeList ? found[0] : found
}

/** What is wrong: each field once, in the order of the fields; before them what is about none of them. */
function faultsOf(form, problem) {
  const named = problem.fields.map(({ field, message }) => [fieldOf(form, field.split('[')[0]), message])
  if (named.length === 0) {
    const names = problem.code === 'INVALID_EMAIL_OR_PASSWORD' ? [] : ABOUT.find(([code]) => code.test(problem.code))?.[1]
    named.push([names?.map((name) => fieldOf(form, name)).find(Boolean), problem.message])
  }
  const shown = named.map(([field, message]) => [field && field.type !== 'hidden' && errorOf(field) ? field : null, message])
  const first = shown.filter(([field], at) => !field || shown.findIndex(([other]) => other === field) === at)
  const place = ([field]) => [...form.elements].indexOf(field)
  return first.sort((one, other) => place(one) - place(other))
}

function labelOf(field) {
  return (field.closest('fieldset') ? $('legend', field.closest('fieldset')) : field.labels?.[0])?.textContent ?? ''
}

function errorOf(field) {
  return document.getElementById(`${field.closest('fieldset') ? field.name : field.id}-error`)
}

function clear(form) {
  const summary = $('.summary', form)
  if (summary) summary.hidden = true
  for (const field of all('[aria-invalid]', form)) {
    field.removeAttribute('aria-invalid')
  }
  for (const error of all('.error', form)) {
    error.hidden = true
  }
}

/**
 * A message is beside its field. Above the form are those that are about no field and, where there are several,
 * links to the fields.
 */
function show(form, problem) {
  const summary = $('.summary', form)
  if (!summary) return say(problem.message, 'failed')
  const faults = faultsOf(form, problem)
  for (const [field, message] of faults.filter(([field]) => field)) {
    const error = errorOf(field)
    error.textContent = message
    error.hidden = false
    field.setAttribute('aria-invalid', 'true')
  }
  const [only, ...others] = faults
  if (only[0] && others.length === 0) return only[0].focus()
  const list = document.createElement('ul')
  list.append(...faults.map(([field, message]) => lineOf(field, message)))
  summary.replaceChildren(list)
  summary.hidden = false
  summary.focus()
}

function lineOf(field, message) {
  const line = document.createElement('li')
  if (!field) {
    line.textContent = message
    return line
  }
  const link = document.createElement('a')
  link.href = `#${field.id}`
  link.textContent = labelOf(field)
  link.addEventListener('click', (event) => {
    event.preventDefault()
    field.focus()
  })
  line.append('Check ', link)
  return line
}

// ---- What is said at the page's foot, also after going on to another

/** Long enough to be read and heard, and then out of the way of what lies beneath it. */
const SHOWN = 10_000
let silence

function say(text, kind = '') {
  $('.toast').textContent = text
  $('.toast').className = `toast ${kind}`
  clearTimeout(silence)
  silence = setTimeout(() => $('.toast').replaceChildren(), SHOWN)
}

function sayThere(text) {
  if (text) sessionStorage.setItem('said', text)
}

const said = sessionStorage.getItem('said')
if (said) {
  sessionStorage.removeItem('said')
  say(said)
}

// ---- Asking first

function opened(dialog) {
  return new Promise((done) => {
    dialog.returnValue = ''
    dialog.addEventListener('close', () => done(dialog.returnValue), { once: true })
    dialog.showModal()
  })
}

async function confirmed(form) {
  if (!form.dataset.confirm) return true
  const dialog = $('#confirm')
  $('#confirm-text').textContent = form.dataset.confirm
  $('#confirm-yes').textContent = form.dataset.yes
  return (await opened(dialog)) === 'yes'
}

/** Shows the forms for the identity providers with which the user has an account, from which they come back here. */
async function offerProviders(forms, here) {
  if (forms.length === 0) return
  const accounts = await request('GET', '/api/auth/list-accounts').catch(() => [])
  for (const form of forms) {
    form.elements.callbackURL.value = here
    form.hidden = !accounts.some(({ providerId }) => providerId === form.dataset.accountAt)
  }
}

/** Asks the user to prove again who they are: with the password, a passkey, an identity provider or another sign-in. */
async function reauthenticated() {
  const dialog = $('#fresh')
  const here = location.pathname + location.search
  $('[data-again]', dialog).href = `/login?why=fresh&next=${encodeURIComponent(here)}`
  offerProviders(all('[data-account-at]', dialog), here)
  for (const form of all('form', dialog)) {
    form.reset()
    clear(form)
  }
  return (await opened(dialog)) === 'yes'
}

// ---- Who is signed in, by the cookie that the browser has now

const passed = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds))

/**
 * Another tab may just have entered the password, changed it or signed in again. Then the session has another
 * cookie, and what was sent with the old one, or before the new one arrived, is refused: so it is asked once more.
 * Null if no user is signed in, and undefined if the server cannot say.
 */
async function signedInUser() {
  let user
  for (const pause of [0, 1000]) {
    await passed(pause)
    const answer = await fetch('/api/auth/get-session', { headers: { Accept: 'application/json' } }).catch(() => null)
    user = answer?.ok ? ((await answer.json())?.user ?? null) : undefined
    if (user) break
  }
  return user
}

/** A page that was asked for in such a moment has led here. */
async function goOnIfSignedIn(form) {
  if (await signedInUser()) location.replace(instruction(form, 'then'))
}

const query = new URLSearchParams(location.search)
if (location.pathname === '/login' && query.has('next') && !query.has('why')) {
  const then = $('[name=_then]', $('main'))
  if (then) goOnIfSignedIn(then.form)
}

// ---- A form on its way

function signIn() {
  const here = location.pathname + location.search
  location.assign(`/login?why=ended&next=${encodeURIComponent(here)}`)
}

function done(form, answer) {
  const { done: after, said, token, codes, offersPasskey } = form.dataset
  const then = instruction(form, 'then')
  if (offersPasskey !== undefined) sessionStorage.setItem('offer-passkey', '1')
  if (answer?.twoFactorRedirect) return location.assign(`/two-factor?next=${encodeURIComponent(then)}`)
  if (codes) return showCodes(document.getElementById(codes), form, answer)
  if (answer?.redirect) return location.assign(answer.url)
  if (form.closest('#fresh')) return form.closest('dialog').close('yes')
  if (token) return showToken(document.getElementById(token), form, answer)
  if (after && !(then && answer?.token)) {
    for (const place of all('[data-filled]', document.getElementById(after))) {
      place.textContent = document.getElementById(place.dataset.filled).value
    }
    for (const place of all('[data-answer]', document.getElementById(after))) {
      const value = place.dataset.answer.split('.').reduce((part, name) => part?.[name], answer)
      place.textContent = value ?? ''
      place.closest('p').hidden = !value
    }
    form.hidden = true
    return reveal(document.getElementById(after))
  }
  if (then === location.pathname) {
    sayThere(said)
    return location.reload()
  }
  if (then) {
    sayThere(said)
    return location.assign(answer?.url ?? then)
  }
  if (said) say(said)
}

async function send(form, { askAgain = true, checkAgain = true } = {}) {
  clear(form)
  try {
    done(form, await ask(form))
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem
    const anonymous = form.dataset.anonymous !== undefined
    if (problem.status === 401 && problem.code === 'UNAUTHORIZED' && !anonymous) {
      const user = checkAgain ? await signedInUser() : null
      if (user === undefined) return show(form, new Problem(503, OUTAGE))
      // Only for the user for whom the page was rendered: another tab may have signed in as another user.
      if (user && user.email === $('#fresh')?.dataset.user) return send(form, { askAgain, checkAgain: false })
      return signIn()
    }
    if (['SESSION_NOT_FRESH', 'SESSION_EXPIRED'].includes(problem.code) && askAgain) {
      return (await reauthenticated()) ? send(form, { askAgain: false, checkAgain }) : undefined
    }
    if (problem.code === 'EMAIL_NOT_VERIFIED' && $('#unverified')) return reveal($('#unverified'))
    show(form, problem)
  }
}

async function submitted(event) {
  const form = event.target
  if (form.method !== 'post') return
  event.preventDefault()
  if (form.hasAttribute('aria-busy') || !(await confirmed(form))) return
  form.setAttribute('aria-busy', 'true')
  try {
    await send(form)
  } finally {
    form.removeAttribute('aria-busy')
  }
}

document.addEventListener('submit', submitted)

function reveal(place) {
  place.hidden = false
  place.focus()
}

// ---- A new token, this once

function showToken(place, form, { token }) {
  $(`#${place.id}-token`).textContent = token
  $(`#${place.id}-curl`).textContent = `curl -H "Authorization: Bearer ${token}" ${place.dataset.url}`
  form.closest('details').hidden = true
  reveal(place)
}

function showCodes(place, form, { backupCodes }) {
  $(`#${place.id}-list`).textContent = backupCodes.join('\n')
  form.hidden = true
  reveal(place)
}

// ---- Times: relative, with the exact one on hover, on touch and on focus

/** By how much the server's clock is ahead of this machine's, which may be wrong by hours. */
const AHEAD = Date.parse(document.body.dataset.now) - Date.now()

/** Of each unit: its seconds, and the number of it that is told in the next one. */
const UNITS = [
  ['minute', 60, 60],
  ['hour', 3600, 24],
  ['day', 86_400, 100],
  ['month', 2_629_800, 24],
  ['year', 31_557_600, Infinity],
]

// The words are in the page's language, as the sentence around them is; the exact time is written in the user's.
const RELATIVE = new Intl.RelativeTimeFormat(document.documentElement.lang)
const EXACT = new Intl.DateTimeFormat([...navigator.languages], { dateStyle: 'medium', timeStyle: 'long' })

function relative(seconds) {
  if (Math.abs(seconds) < 60) return seconds > 0 ? 'in less than a minute' : 'just now'
  const rounded = (length) => Math.round(seconds / length)
  const [unit, length] = UNITS.find(([, length, most]) => Math.abs(rounded(length)) < most)
  return RELATIVE.format(rounded(length), unit)
}

function showTimes() {
  for (const time of all('time')) {
    const moment = Date.parse(time.dateTime)
    time.textContent = relative((moment - Date.now() - AHEAD) / 1000)
    time.title = EXACT.format(moment)
    // The style sheet shows the title of one that has the focus, which it gets by a tap as well.
    time.tabIndex = 0
  }
}

showTimes()
setInterval(showTimes, 60_000)

// ---- Small things

for (const field of all('[data-same-as]')) {
  const source = document.getElementById(field.dataset.sameAs)
  source.addEventListener('input', () => (field.value = source.value))
}

for (const form of all('[data-needs]')) {
  const { needs } = form.dataset
  const given = new URLSearchParams(location.hash.slice(1)).get(needs) ?? new URLSearchParams(location.search).get(needs)
  $(`[data-without="${needs}"]`).hidden = Boolean(given)
  if (given) {
    // Removed from the URL, so that it is neither read over a shoulder nor kept in the history.
    form.elements.namedItem(needs).value = given
    history.replaceState(null, '', location.pathname)
  } else {
    form.hidden = true
  }
}

/** A link that is pasted into a tab which shows its page already loads nothing by itself. */
addEventListener('hashchange', () => {
  const brought = new URLSearchParams(location.hash.slice(1))
  if (all('[data-needs]').some((form) => brought.has(form.dataset.needs))) location.reload()
})

document.addEventListener('click', async ({ target }) => {
  const button = target.closest('button, a')
  if (!button) return
  const { show: shown, copy, opens, close, hides } = button.dataset
  if (shown !== undefined) {
    const field = document.getElementById(shown)
    const visible = field.type === 'password'
    field.type = visible ? 'text' : 'password'
    button.setAttribute('aria-pressed', String(visible))
    button.textContent = visible ? 'Hide' : 'Show'
  } else if (copy !== undefined) {
    await copied(document.getElementById(copy))
  } else if (opens !== undefined) {
    const dialog = document.getElementById(opens)
    const form = $('form', dialog)
    form.reset()
    clear(form)
    dialog.showModal()
  } else if (hides !== undefined) {
    document.getElementById(hides).hidden = true
  } else if (close !== undefined) {
    button.closest('dialog').close('no')
  }
})

async function copied(place) {
  try {
    await navigator.clipboard.writeText(place.textContent)
    say('Copied.')
  } catch {
    // Over http a browser may not let us: then it is marked, to be copied by hand.
    getSelection().selectAllChildren(place)
    say('Selected. Copy it with your keyboard.', 'failed')
  }
}

/** A page that could not be shown comes back by itself, once the server says that it can. */
async function retry(ready) {
  for (let pause = 2000; ; pause = Math.min(pause * 1.5, 30_000)) {
    await passed(pause)
    const answer = await fetch(ready).catch(() => null)
    if (answer?.ok) return location.reload()
  }
}

const { retry: ready, retryAfter } = document.body.dataset
if (ready) retry(ready)
// No timer waits for longer than a 32-bit number of milliseconds.
if (retryAfter) passed(Math.min(retryAfter * 1000, 2 ** 31 - 1)).then(() => location.reload())
