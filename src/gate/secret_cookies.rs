//! Cookies that are no credentials: each holds a random secret, of which only the hash is looked up.

use actix_web::cookie::{Cookie, SameSite, time};

use crate::{
    config,
    site::Site,
    time::{Span, Timestamp},
};

/// Returns the name of a cookie of this kind: the session cookie's, and the kind.
pub(super) fn name(site: &Site, kind: &str) -> String {
    format!("{}-{kind}", super::cookie::name(site.is_secure()))
}

/// Creates a cookie; without a lifetime, one that removes it.
pub(super) fn build(
    site: &Site,
    name: String,
    value: &str,
    lifetime: Option<Span>,
) -> Cookie<'static> {
    let zero = Timestamp::from_micros(0);
    let micros = lifetime.map_or(0, |lifetime| (zero + lifetime).micros());
    Cookie::build(name, value.to_owned())
        .path("/")
        .secure(site.is_secure())
        .http_only(true)
        .same_site(match site.same_site {
            config::SameSite::Lax => SameSite::Lax,
            config::SameSite::None => SameSite::None,
        })
        .max_age(time::Duration::microseconds(micros))
        .finish()
}
