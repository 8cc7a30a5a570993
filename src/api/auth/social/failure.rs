//! Why a browser comes back from a provider without a result: the `error` parameter of the redirect.

use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::providers::{NotAuthenticatedSince, ProviderError};

/// A reason, by the names of the Better Auth protocol where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Failure {
    /// The provider sent no state.
    StateNotFound,
    /// No sign-in with this state waits in this browser.
    StateMismatch,
    /// The provider does not exist here.
    OauthProviderNotFound,
    /// The response is another provider's.
    IssuerMismatch,
    /// The user, or the provider, has refused.
    AccessDenied,
    /// The provider sent no code.
    NoCode,
    /// The provider rejects the code.
    InvalidCode,
    /// The ID token is not valid.
    UnableToGetUserInfo,
    /// The provider cannot be reached.
    ProviderUnavailable,
    /// The provider named no usable email.
    EmailNotFound,
    /// The email must be confirmed first.
    EmailNotVerified,
    /// A user has the email, and the account is not linked to them.
    AccountNotLinked,
    /// The provider may not create users.
    SignupDisabled,
    /// The user is deactivated.
    UserDeactivated,
    /// The owner has suspended all access.
    UserSuspended,
    /// The session that began to link has ended.
    UnableToLinkAccount,
    /// The account is another user's.
    AccountAlreadyLinkedToDifferentUser,
    /// The session to be fresh again has ended, or this is another one.
    SessionMismatch,
    /// The account is not linked to the user who authenticates again.
    AccountMismatch,
    /// The provider does not say when the user authenticated.
    AuthTimeMissing,
    /// The user has not authenticated at the provider again.
    AuthTimeTooOld,
    /// The second factor is due, and the built-in page that asks for it is disabled.
    SecondFactorRequired,
}

impl Failure {
    /// Returns the name, as in the redirect.
    pub(crate) fn name(self) -> &'static str {
        self.into()
    }

    /// Returns what happened and what to do, for the user.
    #[cfg(feature = "pages")]
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::StateNotFound | Self::StateMismatch => {
                "This sign-in did not begin in this browser, was finished already, or took longer than ten minutes. Try again."
            }
            Self::OauthProviderNotFound => "This site does not offer that way to sign in.",
            Self::IssuerMismatch | Self::InvalidCode | Self::NoCode | Self::UnableToGetUserInfo => {
                "The response of the identity provider could not be verified. Try again. If it happens again, tell the operators of this site."
            }
            Self::AccessDenied => "The sign-in was cancelled at the identity provider.",
            Self::ProviderUnavailable => {
                "The identity provider cannot be reached at present. Try again soon, or sign in another way."
            }
            Self::EmailNotFound => {
                "The identity provider did not name your email. Allow it to share your email, or sign in another way and link the account in your settings."
            }
            Self::EmailNotVerified => {
                "Confirm your email first, with the link that was sent to you. Then sign in again."
            }
            Self::AccountNotLinked => {
                "There is an account with your email here already. Sign in to it another way, such as by a link to your email, and link the identity provider in your settings."
            }
            Self::SignupDisabled => {
                "No account here belongs to it, and none can be created this way. Ask an admin of this site for an account."
            }
            Self::UserDeactivated => {
                "Your account is deactivated. Only an admin can reactivate it."
            }
            Self::UserSuspended => {
                "Access to your account is suspended. Set a password with a link to your email to go on, or ask an admin of this site."
            }
            Self::UnableToLinkAccount => {
                "The session in which you began to link the account has ended. Sign in, and link it again."
            }
            Self::AccountAlreadyLinkedToDifferentUser => {
                "That account at the identity provider is linked to another user here. Unlink it there first."
            }
            Self::SessionMismatch => {
                "Your session has ended, or you have signed in again since you started this. Go back and try again."
            }
            Self::AccountMismatch => {
                "That account at the identity provider is not linked to your account here. Choose the one that is, or sign in again another way."
            }
            Self::AuthTimeMissing => {
                "The identity provider does not say when you signed in there. Sign in again another way, such as by a link to your email."
            }
            Self::AuthTimeTooOld => {
                "The identity provider did not ask you to sign in there again. Sign out there and try again, or sign in again another way, such as by a link to your email."
            }
            Self::SecondFactorRequired => "Enter a code of your authenticator app to go on.",
        }
    }
}

impl Failure {
    /// Returns whether the user was to authenticate again, and still can in another way.
    #[cfg(feature = "pages")]
    pub(crate) const fn is_of_reauthentication(self) -> bool {
        matches!(self, Self::AccountMismatch | Self::AuthTimeMissing | Self::AuthTimeTooOld)
    }
}

impl From<NotAuthenticatedSince> for Failure {
    fn from(why: NotAuthenticatedSince) -> Self {
        match why {
            NotAuthenticatedSince::Unknown => Self::AuthTimeMissing,
            NotAuthenticatedSince::Earlier => Self::AuthTimeTooOld,
        }
    }
}

impl From<&ProviderError> for Failure {
    fn from(error: &ProviderError) -> Self {
        match error {
            ProviderError::Unavailable(_) => Self::ProviderUnavailable,
            ProviderError::InvalidCode(_) => Self::InvalidCode,
            ProviderError::InvalidProof(_) | ProviderError::NoIdTokens => Self::UnableToGetUserInfo,
        }
    }
}

/// Logs why a provider did not tell who the user is.
pub(super) fn log(provider: &str, error: &ProviderError) {
    match error {
        ProviderError::Unavailable(reason) => {
            tracing::warn!(provider, %reason, "an identity provider is unavailable");
        }
        reason => tracing::info!(provider, %reason, "a sign-in at an identity provider failed"),
    }
}
