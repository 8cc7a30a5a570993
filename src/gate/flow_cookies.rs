//! The cookies of sign-ins at identity providers that have begun, one for each, so that two tabs do not disturb each
//! other. None is a credential: the gate does not read them.

use actix_web::{HttpRequest, cookie::Cookie};

use super::secret_cookies;
use crate::{
    secrets::{FlowSecret, FlowState},
    site::Site,
    store::provider_flows::LIFETIME,
};

/// The kind of cookie, to which a part of the state is added.
const KIND: &str = "flow-";

/// How much of the state is in the name: enough to tell a few flows apart.
const PART: usize = 12;

/// How many a browser keeps.
const MOST: usize = 4;

/// Returns the secret of the flow with this state, if it began in this browser.
#[must_use]
pub fn secret(site: &Site, request: &HttpRequest, state: &FlowState) -> Option<FlowSecret> {
    let secret = FlowSecret::presented(request.cookie(&name(site, state))?.value().to_owned());
    (secret.state().hash() == state.hash()).then_some(secret)
}

/// Creates the cookie of a flow that begins, and those that remove others if there are too many.
#[must_use]
pub fn begin(site: &Site, request: &HttpRequest, secret: &FlowSecret) -> Vec<Cookie<'static>> {
    let others: Vec<String> = request.cookies().map_or_else(
        |_| Vec::new(),
        |cookies| {
            let (names, prefix) =
                (cookies.iter().map(Cookie::name), secret_cookies::name(site, KIND));
            names.filter(|name| name.starts_with(&prefix)).map(ToOwned::to_owned).collect()
        },
    );
    let mut cookies = Vec::new();
    if others.len() >= MOST {
        cookies.extend(others.into_iter().map(|name| secret_cookies::build(site, name, "", None)));
    }
    cookies.push(secret_cookies::build(
        site,
        name(site, &secret.state()),
        secret.reveal(),
        Some(LIFETIME),
    ));
    cookies
}

/// Creates the cookie that removes the one of a flow that has ended.
#[must_use]
pub fn end(site: &Site, state: &FlowState) -> Cookie<'static> {
    secret_cookies::build(site, name(site, state), "", None)
}

/// A state that is no part of a cookie's name belongs to no flow.
fn name(site: &Site, state: &FlowState) -> String {
    let part =
        state.reveal().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    format!("{}{}", secret_cookies::name(site, KIND), part.take(PART).collect::<String>())
}
