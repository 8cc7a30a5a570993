// What every part of the page does: find elements, show one section, wait for the server and show why it failed.

import { Failure } from './api'

/** Returns the element that a selector finds, which the page is known to have. */
export function find<T extends Element = HTMLElement>(selector: string, within: ParentNode = document): T {
  const found = within.querySelector<T>(selector)
  if (!found) throw new Error(`the page has no ${selector}`)
  return found
}

/** Says something to the user, until the next thing is said. */
export function notify(text: string) {
  find('#notice').textContent = text
}

/** Shows one section of the page. The others stay as they are, with all that was typed into them. */
export function show(id: string, notice = '') {
  for (const section of document.querySelectorAll<HTMLElement>('main > section')) section.hidden = section.id !== id
  find('#account').hidden = id !== 'invoices'
  notify(notice)
  find(`#${id} [autofocus]`).focus()
}

/** Does something that asks the server, once at a time, and shows in this part of the page why it has failed. */
export async function attempt(part: HTMLElement, act: () => Promise<void>) {
  if (part.ariaBusy) return
  part.ariaBusy = 'true'
  notify('')
  showFailure(part, new Failure(''))
  try {
    await act()
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure
    showFailure(part, failure)
  } finally {
    part.ariaBusy = null
  }
}

/** Sends the form of a section by a function that reads its fields. */
export function onSubmit(section: string, send: (field: (name: string) => string) => Promise<void>) {
  const form = find<HTMLFormElement>(`#${section} form`)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const values = new FormData(form)
    void attempt(form, () => send((name) => String(values.get(name) ?? '')))
  })
}

/** Shows each error below its field, and the message of the whole unless the fields have said all. */
function showFailure(part: HTMLElement, { message, fields }: Failure) {
  for (const old of part.querySelectorAll('.error')) old.remove()
  for (const input of part.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid')
  const shown = fields.filter(({ field, message }) => showFieldError(part, field, message))
  find('[role=alert]', part).textContent = shown.length > 0 && shown.length === fields.length ? '' : message
  part.querySelector<HTMLElement>('[aria-invalid]')?.focus()
}

function showFieldError(part: HTMLElement, name: string, message: string): boolean {
  const input = part.querySelector(`[name="${CSS.escape(name)}"]`)
  if (!input) return false
  const id = `${part.closest('section')?.id}-${name}`
  const error = Object.assign(document.createElement('p'), { className: 'error', id, textContent: message })
  input.closest('label')?.after(error)
  input.setAttribute('aria-invalid', 'true')
  input.setAttribute('aria-describedby', id)
  return true
}
