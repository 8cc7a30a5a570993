//! Which pages may use passkeys.

use clap::Args;
use url::Url;

use super::{ConfigError, List, parse};
use crate::{
    secrets::passkeys::{RelyingParty, RelyingPartyError},
    site::origin_of,
};

/// The settings under the heading "Passkeys" of `--help`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Passkeys")]
#[group(skip)]
pub struct PasskeySettings {
    /// The domain for which passkeys are created (rpId): the host of the public URL, which is the default, or a parent
    /// domain of it, so that several hosts share them. Passkeys of another domain no longer work after a change
    #[arg(long, env = "PORTCULLIS_PASSKEY_DOMAIN", value_name = "DOMAIN", global = true)]
    pub passkey_domain: Option<String>,

    /// The origins whose pages may use passkeys, separated by commas; by default, that of the public URL
    #[arg(
        long,
        env = "PORTCULLIS_PASSKEY_ORIGINS",
        value_name = "ORIGINS",
        value_parser = parse::origins,
        global = true
    )]
    pub passkey_origins: Option<List<String>>,
}

impl PasskeySettings {
    /// Returns this site as authenticators know it, by these settings and its public URL. The inner error is the reason
    /// why it has no passkeys.
    ///
    /// # Errors
    /// When one of the settings is set, and passkeys are impossible with it.
    pub fn relying_party(
        &self,
        public_url: &Url,
    ) -> Result<Result<RelyingParty, RelyingPartyError>, ConfigError> {
        let host = public_url.host_str().unwrap_or_default();
        let domain = self.passkey_domain.as_deref().unwrap_or(host);
        let origins = match self.passkey_origins.as_deref() {
            Some(origins) => origins.to_vec(),
            None => origin_of(public_url).into_iter().collect(),
        };
        let made = RelyingParty::new(domain, origins);
        if self.passkey_domain.is_none() && self.passkey_origins.is_none() {
            return Ok(made);
        }
        Ok(Ok(made?))
    }
}
