/** Gives a page an authenticator (WebDriver's virtual one, by the debugger). It presses its own button. */
export async function addAuthenticator(page) {
  const session = await page.context().newCDPSession(page)
  await session.send('WebAuthn.enable')
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  const credentials = async () => (await session.send('WebAuthn.getCredentials', { authenticatorId })).credentials
  /** Whether it reacts: otherwise it waits, as a user does. */
  const react = (enabled) =>
    session.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled })
  /** The virtual authenticator takes a suggestion at once; without suggestions, a test can press the button. */
  const suggestNothing = () =>
    page.addInitScript(() => (PublicKeyCredential.isConditionalMediationAvailable = async () => false))
  return { credentials, react, suggestNothing }
}
