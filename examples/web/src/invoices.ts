// The section with a user's invoices.

import { answered, api, type Invoice } from './api'
import { attempt, find, notify, onSubmit } from './page'

const list = find('#list')
const rest = find('#rest')
const more = find('#more')

/** Where the next page of the list begins: undefined before the first page, null after the last. */
let cursor: string | null | undefined

/** Loads the list, unless the page has it already. */
export async function open() {
  if (cursor === undefined) await load()
}

/** Adds the next page of invoices to the list. */
async function load() {
  await attempt(rest, async () => {
    const page = await answered(api.GET('/api/invoices', { params: { query: cursor ? { cursor } : {} } }))
    const rows = page.items.map(row)
    if (cursor === undefined) list.replaceChildren(...rows)
    else {
      list.append(...rows)
      rows[0]?.focus()
    }
    cursor = page.nextCursor
  })
  drawEnd()
}

/** Shows what is below the list. */
function drawEnd() {
  more.hidden = cursor === null
  more.textContent = cursor ? 'Show more' : 'Try again'
  find('#empty').hidden = list.childElementCount > 0 || cursor !== null
}

onSubmit('invoices', async (field) => {
  const body = {
    number: field('number'),
    customerName: field('customerName'),
    amountCents: Math.round(Number(field('amountCents')) * 100),
    dueDate: field('dueDate'),
  }
  const invoice = await answered(api.POST('/api/invoices', { body }))
  list.prepend(row(invoice))
  drawEnd()
  find<HTMLFormElement>('#invoices form').reset()
  notify(`Invoice ${invoice.number} was created.`)
})

more.addEventListener('click', load)

/** Returns a row of the list, with the buttons that change its invoice. */
function row(invoice: Invoice): HTMLElement {
  const item = find('li', find<HTMLTemplateElement>('#row').content).cloneNode(true) as HTMLElement
  const path = { id: invoice.id }
  find('.pay', item).addEventListener('click', () =>
    attempt(item, async () => {
      const paid = await answered(api.PATCH('/api/invoices/{id}', { params: { path }, body: { status: 'paid' } }))
      draw(item, paid)
      notify(`Invoice ${paid.number} is paid.`)
      item.focus()
    }),
  )
  find('.delete', item).addEventListener('click', () => {
    if (!confirm(`Delete invoice ${invoice.number}?`)) return
    void attempt(item, async () => {
      await answered(api.DELETE('/api/invoices/{id}', { params: { path } }))
      item.remove()
      drawEnd()
      notify(`Invoice ${invoice.number} was deleted.`)
      find('#list-title').focus()
    })
  })
  draw(item, invoice)
  return item
}

const AMOUNT = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2 })
// A date without a time is midnight UTC to JavaScript.
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' })

function draw(item: HTMLElement, { number, customerName, amountCents, dueDate, status }: Invoice) {
  for (const place of item.querySelectorAll('.number')) place.textContent = number
  find('.status', item).textContent = status
  const about = [customerName, AMOUNT.format(amountCents / 100), `due ${DAY.format(new Date(dueDate))}`]
  find('.about', item).textContent = about.join(' · ')
  find('.pay', item).hidden = status === 'paid'
}
