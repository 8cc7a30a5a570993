//! Opens what a product runs on, and builds the state that all requests share: for a server, and for an application that
//! embeds the gate.

use std::sync::OnceLock;

use actix_web::web::Data;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::{StartError, application::Application, sockets};
use crate::{
    config::{Config, ConfigError, Rate},
    docs::Document,
    http_client::HttpClient,
    key_check::KeyCheck,
    limits::{Limit, Limits},
    mail::Mailer,
    metrics::Metrics,
    product::{OwnValues, Product},
    secrets::{CheckedCookies, EncryptionKeys, Hashing, SigningKeys},
    site::Site,
    state::State,
    store::{
        Location, Store, activity::rejections::Rejections, last_used::LastUsedBuffer,
        session_ends::SessionEnds,
    },
    time::Clock,
};

#[cfg(feature = "providers")]
use crate::providers::Providers;

/// How many sign-ins may wait for others of the same account; more are rejected immediately.
const MAX_WAITING_SIGN_INS: usize = 256;

/// A product whose store is open.
pub(super) struct Opened {
    /// Its settings.
    pub config: Config,
    /// Where its data is stored.
    pub location: Location,
    product: Product,
    own: OwnValues,
    rates: Vec<(Limit, Rate)>,
    keys: SigningKeys,
    store: Store,
}

impl Opened {
    /// Checks the parts of the product and its settings, and opens the store.
    pub(super) async fn open(
        product: &Product,
        config: Config,
        migrate: bool,
    ) -> Result<Self, StartError> {
        product.check()?;
        let own = product.read_settings(&config.product)?;
        let rates = product.read_limits(&config.product)?;
        // Before any file is opened: the database opens files for each worker.
        sockets::allow_many();
        let location = config.data.location()?;
        // The file lock first: of two servers that start at the same time, one must not sign with a key that
        // the other has replaced.
        let lock = location.lock()?;
        let keys = config.signing_keys(&location)?;
        let options = config.store_options(migrate, product.tables());
        let store = Store::open_locked(&location, options, lock).await?;
        Ok(Self { config, location, product: product.clone(), own, rates, keys, store })
    }

    /// Builds the state. The port is that of the public URL, unless the settings contain one.
    pub(super) async fn build(
        self,
        clock: Clock,
        port: Option<u16>,
    ) -> Result<Application, StartError> {
        let Self { product, config, own, rates, keys, store, .. } = self;
        let site = Site::new(&config, port)?;
        let http_client = HttpClient::new(product.version);
        #[cfg(feature = "passkeys")]
        let passkeys = config.passkeys.relying_party(&site.public_url)?;
        #[cfg(feature = "providers")]
        let providers =
            Providers::load(config.accounts.providers_file.as_deref(), http_client.clone())
                .map_err(ConfigError::from)?;
        let has_providers = cfg_select! {
            feature = "providers" => { providers.iter().next().is_some() }
            _ => { false }
        };
        if !config.accounts.accepts_passwords() && !config.email.has_server() && !has_providers {
            return Err(ConfigError::NoSignInMethod.into());
        }
        // After those checks: it writes to the database.
        let key_check = KeyCheck::start(&store, &clock, &keys).await;
        let state = Data::new(State {
            mailer: Mailer::new(&config, &site)?,
            #[cfg(feature = "providers")]
            providers,
            http: http_client,
            store,
            metrics: Metrics::default(),
            limits: Limits::new(&config, &rates, &clock),
            clock,
            job_added: Notify::new(),
            retention_due: Notify::new(),
            waiting_sign_ins: Semaphore::new(MAX_WAITING_SIGN_INS),
            hashing: Hashing::new(
                config.accounts.hash_concurrency(),
                config.accounts.hash_cost.clone(),
            ),
            encryption: EncryptionKeys::new(&keys),
            #[cfg(feature = "passkeys")]
            passkeys,
            key_check,
            checked_cookies: CheckedCookies::new(config.data.cache_size()),
            last_used: LastUsedBuffer::default(),
            rejections: Rejections::default(),
            session_ends: SessionEnds::default(),
            own: OnceLock::new(),
            site,
            #[cfg(feature = "pages")]
            navigation: product.navigation(),
            draining: CancellationToken::new(),
            config,
        });
        product.build_states(own, &state).await?;
        let document = Data::new(Document::of(product.clone()));
        Ok(Application { product, document, state, keys })
    }
}
