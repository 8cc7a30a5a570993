/** Fills the fields with these labels. */
export async function enter(place, values) {
  for (const [label, value] of Object.entries(values)) {
    await place.getByLabel(label, { exact: true }).fill(value)
  }
}

export function press(place, name) {
  return place.getByRole('button', { name, exact: true }).click()
}

/** Returns the part of a page under this heading. */
export function part(page, title) {
  return page.getByRole('region', { name: title, exact: true })
}

/** Clicks a button, and then the one that confirms in the dialog. */
export async function pressAndConfirm(place, name, yes = name) {
  await press(place, name)
  await press((place.page?.() ?? place).getByRole('dialog'), yes)
}

/** Waits until a page shows this message at its foot. */
export function says(page, text) {
  return page.getByRole('status').filter({ hasText: text }).waitFor()
}

export async function signInOn(page, { email, password }) {
  await enter(page, { 'Email': email, Password: password })
  await press(page.locator('main'), 'Sign in')
}
