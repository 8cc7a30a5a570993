//! What the pages show of identity providers.

use actix_web::{HttpResponse, web::Data};
use askama::Template;
use serde::Deserialize;
use validator::Validate;

use super::frame::{Frame, html};
use crate::{
    api::{auth::social::failure::Failure, query::ValidQuery},
    error::Error,
    gate::Session,
    providers::Provider,
    state::State,
    store::accounts::{Account, PASSWORD},
    time::Timestamp,
};

/// A provider to sign in with, or to link.
pub(super) struct Choice {
    pub id: String,
    pub name: String,
}

impl From<&Provider> for Choice {
    fn from(provider: &Provider) -> Self {
        Self { id: provider.id.clone(), name: provider.name().to_owned() }
    }
}

/// Returns all providers.
pub(super) fn choices(state: &State) -> Vec<Choice> {
    state.providers.iter().map(Choice::from).collect()
}

/// Returns those that authenticate a user again.
pub(super) fn reauthenticating(state: &State) -> Vec<Choice> {
    let all = state.providers.iter();
    all.filter(|provider| provider.authenticates_again()).map(Choice::from).collect()
}

/// A sign-in method of a user.
pub(super) struct SignInMethod {
    pub id: String,
    pub name: String,
    /// What tells it from others of the same provider.
    pub subject: String,
    pub since: Timestamp,
}

/// Returns sign-in methods, as they are displayed; without a password that is left from when they were accepted.
pub(super) fn methods(state: &State, accounts: Vec<Account>) -> Vec<SignInMethod> {
    let method = |account: Account| {
        let is_password = account.provider_id == PASSWORD;
        let provider = state.providers.get(&account.provider_id);
        SignInMethod {
            name: match provider {
                _ if is_password => "Password".to_owned(),
                Some(provider) => provider.name().to_owned(),
                None => account.provider_id,
            },
            subject: if is_password { String::new() } else { account.account_id },
            id: account.id,
            since: account.created_at,
        }
    };
    let passwords = state.config.accounts.accepts_passwords();
    let is_usable = |account: &Account| passwords || account.provider_id != PASSWORD;
    accounts.into_iter().filter(is_usable).map(method).collect()
}

/// Why the browser comes back without a session.
#[derive(Deserialize, Validate)]
pub(super) struct FailureQuery {
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/sign-in-error.html")]
struct SignInError {
    frame: Frame,
    advice: &'static str,
    /// Whether the user can sign in again another way.
    of_reauthentication: bool,
}

/// Says why a sign-in at a provider failed, and what to do.
pub(super) async fn sign_in_error(
    session: Option<Session>,
    state: Data<State>,
    ValidQuery(query): ValidQuery<FailureQuery>,
) -> Result<HttpResponse, Error> {
    // Only this application's own sentences are shown: anyone may have written the query.
    let failure = query.error.as_deref().and_then(|name| name.parse::<Failure>().ok());
    let advice = failure.map_or("The identity provider could not sign you in.", Failure::advice);
    html(&SignInError {
        frame: Frame::of(&state, session.as_ref(), "login"),
        advice,
        of_reauthentication: failure.is_some_and(Failure::is_of_reauthentication),
    })
}
