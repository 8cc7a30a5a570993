import { after, afterEach } from 'node:test'
import { launch } from './chromium.mjs'

/** One Chromium for all tests. What a test opens in it is closed after that test. */
export const browser = await launch()

afterEach(() => Promise.all(browser.contexts().map((context) => context.close())))
after(() => browser.close())
