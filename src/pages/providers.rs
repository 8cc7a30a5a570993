//! What the pages show of identity providers.

use crate::{
    state::State,
    store::accounts::{Account, PASSWORD},
    time::Timestamp,
};

/// A provider to sign in with, or to link.
pub(super) struct Choice {
    pub id: String,
    pub name: String,
    /// Whether it authenticates a user again on request.
    authenticates_again: bool,
}

#[cfg(feature = "providers")]
impl From<&crate::providers::Provider> for Choice {
    fn from(provider: &crate::providers::Provider) -> Self {
        Self {
            id: provider.id.clone(),
            name: provider.name().to_owned(),
            authenticates_again: provider.authenticates_again(),
        }
    }
}

/// Returns all providers: none in a build without them.
#[cfg_attr(not(feature = "providers"), expect(unused_variables))]
pub(super) fn choices(state: &State) -> Vec<Choice> {
    #[cfg(feature = "providers")]
    return state.providers.iter().map(Choice::from).collect();
    #[cfg(not(feature = "providers"))]
    Vec::new()
}

/// Returns those that authenticate a user again.
pub(super) fn reauthenticating(state: &State) -> Vec<Choice> {
    choices(state).into_iter().filter(|choice| choice.authenticates_again).collect()
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
    let choices = choices(state);
    let method = |account: Account| {
        let is_password = account.provider_id == PASSWORD;
        let provider = choices.iter().find(|choice| choice.id == account.provider_id);
        SignInMethod {
            name: match provider {
                _ if is_password => "Password".to_owned(),
                Some(provider) => provider.name.clone(),
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
