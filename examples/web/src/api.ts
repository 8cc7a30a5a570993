// The two clients of the server, and one form for what either of them fails with.

import { createAuthClient } from 'better-auth/client'
import { twoFactorClient } from 'better-auth/client/plugins'
import createClient from 'openapi-fetch'
import type { components, paths } from './schema'

export type Invoice = components['schemas']['Invoice']
type Problem = components['schemas']['Problem']

/** The server's origin: that of this page, unless the build has named another. */
export const server: string = import.meta.env.VITE_API_ORIGIN ?? location.origin

export const auth = createAuthClient({ baseURL: server, plugins: [twoFactorClient()] })
// On another origin a browser sends the cookie only if it is told to.
export const api = createClient<paths>({ baseUrl: server, credentials: 'include' })

/** Why a request has failed, for the user. */
export class Failure extends Error {
  constructor(message: string, readonly fields: NonNullable<Problem['errors']> = []) {
    super(message)
  }
}

const UNREACHABLE = 'The server does not answer. Nothing that you typed is lost. Try again.'
const SESSION_ENDED = 'Your session had ended, so this was not done. Try again.'

/** Returns what a call of either client was answered, or throws why it has failed. */
export async function answered<T>(call: Promise<{ data?: T; error?: unknown; response?: Response }>): Promise<T> {
  const { data, error, response } = await call.catch(() => {
    throw new Failure(UNREACHABLE)
  })
  if (response ? response.ok : !error) return data as T
  if (response?.status === 401) throw new Failure(SESSION_ENDED)
  // A proxy whose server is down sends no problem, but a text of its own.
  const { message = UNREACHABLE, errors } = (error instanceof Object ? error : {}) as Partial<Problem>
  throw new Failure(message, errors)
}
