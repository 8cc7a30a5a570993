//! The common frame of all pages.

use std::sync::LazyLock;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CONTENT_SECURITY_POLICY as HEADER, ContentType, REFERRER_POLICY},
    },
};
use askama::Template;

use super::{
    NavigationLink,
    assets::Assets,
    content_security_policy::policy,
    providers::{Choice, reauthenticating},
};
use crate::{
    error::{Code, Error},
    gate::Session,
    state::State,
    store::users::Role,
    time::Timestamp,
};

/// The policy of the pages of this library.
static POLICY: LazyLock<String> = LazyLock::new(|| policy(&[]));

/// Whether there is a page for passkeys.
pub(super) const HAS_PASSKEY_PAGE: bool = cfg!(feature = "passkeys");

/// What every page shows in addition to its own content.
pub(super) struct Frame {
    pub site: String,
    pub assets: &'static Assets,
    /// The time of rendering, from which the script computes relative times.
    pub now: Timestamp,
    /// The signed-in viewer.
    pub viewer: Option<Viewer>,
    /// Whether the request had a session cookie, in case nothing else is known of the viewer.
    pub has_cookie: bool,
    /// Whether this site has passkeys.
    pub has_passkeys: bool,
    /// Whether this site has passwords.
    pub has_passwords: bool,
    /// The providers that authenticate a user again. The script shows those with which the viewer has an account.
    pub reauthenticating: Vec<Choice>,
    /// The links to pages of the product that the viewer may see.
    pub navigation: Vec<NavigationLink>,
    /// The section of the site.
    pub place: &'static str,
}

/// The user who views a page.
pub(super) struct Viewer {
    pub name: String,
    pub email: String,
    pub email_verified: bool,
    pub image: String,
    pub is_admin: bool,
}

impl Frame {
    pub(super) fn of(state: &State, session: Option<&Session>, place: &'static str) -> Self {
        let viewer = session.map(|session| {
            let user = &session.user;
            Viewer {
                name: user.name.clone(),
                email: user.email.clone(),
                email_verified: user.email_verified,
                image: user.image.clone().unwrap_or_default(),
                is_admin: user.role == Role::Admin,
            }
        });
        let is_admin = viewer.as_ref().map(|viewer: &Viewer| viewer.is_admin);
        let links = state.navigation.iter().filter(|link| link.is_shown(is_admin));
        Self {
            navigation: links.copied().collect(),
            site: state.site.name.clone(),
            assets: Assets::all(),
            now: state.clock.now(),
            viewer,
            has_cookie: session.is_some(),
            has_passkeys: state.has_passkeys(),
            has_passwords: state.config.accounts.accepts_passwords(),
            reauthenticating: if session.is_some() { reauthenticating(state) } else { Vec::new() },
            place,
        }
    }
}

/// Returns a page as a response.
pub(super) fn html(template: &impl Template) -> Result<HttpResponse, Error> {
    page(StatusCode::OK, template)
}

pub(super) fn page(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Error> {
    page_with_policy(status, template, &POLICY)
}

pub(super) fn page_with_policy(
    status: StatusCode,
    template: &impl Template,
    policy: &str,
) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::build(status)
        .content_type(ContentType::html())
        .insert_header((HEADER, policy))
        // With `no-referrer`, browsers send `Origin: null` with a form, which the gate rejects (Fetch, 3.2).
        .insert_header((REFERRER_POLICY, "same-origin"))
        .body(rendered(template)?))
}

pub(super) fn rendered(template: &impl Template) -> Result<String, Error> {
    template.render().map_err(|fault| {
        tracing::error!(%fault, "a page cannot be rendered");
        Code::Internal.into()
    })
}
