//! The pages of two-factor authentication: the second step of a sign-in, and the settings.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use askama::Template;
use serde::Deserialize;
use validator::Validate;

use super::{
    account::{HOME, go_on},
    frame::{Frame, html},
    qr_code,
};
use crate::{
    api::{client::program, query::ValidQuery},
    error::{Code, Error},
    gate::{
        BeforeEnrolment, ByCookie, Session, is_fresh,
        next::{own_path, trusted_callback},
        second_factor_cookies,
    },
    state::State,
    store::{
        accounts,
        trusted_devices::{self, TrustedDevice},
        two_factor::{self, TwoFactor},
        users::Role,
    },
    time::Timestamp,
};

#[derive(Template)]
#[template(path = "pages/two-factor.html")]
struct SecondStep<'a> {
    frame: Frame,
    /// Whether a sign-in waits in this browser; it may have expired since.
    waits: bool,
    next: &'a str,
}

/// Where to go after the second step: a path here, or the callback of a sign-in at an identity provider.
#[derive(Deserialize, Validate)]
pub(super) struct SecondStepQuery {
    next: Option<String>,
    #[serde(rename = "callbackURL")]
    callback_url: Option<String>,
}

impl SecondStepQuery {
    fn next(&self, state: &State) -> &str {
        let own = self.next.as_deref().and_then(|next| own_path(next, &state.site));
        let callback = self.callback_url.as_deref();
        own.or_else(|| callback.filter(|url| trusted_callback(url, &state.site))).unwrap_or(HOME)
    }
}

/// The second step of a sign-in.
pub(super) async fn second_step(
    session: Option<Session>,
    request: HttpRequest,
    state: Data<State>,
    ValidQuery(query): ValidQuery<SecondStepQuery>,
) -> Result<HttpResponse, Error> {
    let next = query.next(&state);
    if session.is_some() {
        return Ok(go_on(next));
    }
    let waits = second_factor_cookies::challenge(&state.site, &request).is_some();
    html(&SecondStep { frame: Frame::of(&state, None, "login"), waits, next })
}

/// A trusted device, as it is displayed.
struct Trusted {
    id: String,
    program: String,
    address: String,
    last_used_at: Timestamp,
    expires_at: Timestamp,
}

impl From<TrustedDevice> for Trusted {
    fn from(row: TrustedDevice) -> Self {
        Self {
            program: program(row.user_agent.as_deref().unwrap_or_default()),
            address: row.ip_address.unwrap_or_default(),
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            id: row.id,
        }
    }
}

/// What to enter into the authenticator app.
struct Setup {
    /// The QR code, as SVG.
    qr_code: String,
    /// The secret in groups of four, for a user who types it.
    secret: String,
}

#[derive(Template)]
#[template(path = "pages/settings-two-factor.html")]
struct TwoFactorSettings {
    frame: Frame,
    nav_section: &'static str,
    enabled: bool,
    /// Whether this user must turn it on first.
    required: bool,
    /// Of an enrolment that has begun.
    setup: Option<Setup>,
    has_password: bool,
    codes_left: i64,
    devices: Vec<Trusted>,
}

/// The settings.
pub(super) async fn settings(
    session: Session,
    _: BeforeEnrolment,
    ByCookie(own): ByCookie,
    state: Data<State>,
) -> Result<HttpResponse, Error> {
    let (user, now) = (&session.user, state.clock.now());
    let frame = Frame::of(&state, Some(&session), "settings");
    let enabled = user.two_factor_enabled;
    let is_admin = user.role == Role::Admin;
    // Only in a session that could begin the enrolment: a client with an older one must not see the secret.
    let begun = if enabled || !is_fresh(&own, now) {
        None
    } else {
        two_factor::find(&state.store, user.id.clone()).await?
    };
    let devices = trusted_devices::list(&state.store, user.id.clone(), now).await?;
    let has_password =
        frame.has_passwords && accounts::of_user(&state.store, user.id.clone()).await?.is_some();
    html(&TwoFactorSettings {
        enabled,
        required: !enabled && state.config.accounts.two_factor.requires(is_admin),
        setup: begun.map(|begun| setup(&state, &begun, &user.email)).transpose()?.flatten(),
        has_password,
        codes_left: two_factor::recovery_codes_left(&state.store, user.id.clone()).await?,
        devices: devices.into_iter().map(Trusted::from).collect(),
        frame,
        nav_section: "two-factor",
    })
}

/// Returns what to enter into the app; none if the secret cannot be decrypted: then the user begins again.
fn setup(state: &State, begun: &TwoFactor, email: &str) -> Result<Option<Setup>, Error> {
    let Ok(decrypted) = state.encryption.decrypt(&begun.encrypted(), &begun.user_id) else {
        return Ok(None);
    };
    let uri = decrypted.secret.reveal_uri(&state.site.name, email);
    let qr_code = qr_code::svg(&uri, "QR code for your authenticator app").map_err(|reason| {
        tracing::error!(%reason, "a QR code cannot be drawn");
        Code::Internal
    })?;
    let letters: Vec<char> = decrypted.secret.reveal().chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(Some(Setup { qr_code, secret: groups.join(" ") }))
}
