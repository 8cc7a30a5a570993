//! The kinds of emails: what each is about, how long its link lasts, and its text.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    mail::{
        MailContent,
        templates::{self, Notice},
    },
    store::verifications::Purpose,
    time::{Span, days, seconds},
};

/// The subject of an email.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailKind {
    /// Confirm email of a new account.
    VerifyEmail,
    /// A sign-up with this email was rejected, because an account already has it.
    #[serde(rename = "already-here")]
    SignUpAttempt,
    /// Choose a new password.
    ResetPassword,
    /// An admin has created an account for you.
    Invitation,
    /// Confirm the new email of an account.
    ChangeEmail,
    /// Confirm the deletion of an account.
    DeleteAccount,
    /// Sign in, or sign up if no account has the email.
    MagicLink,
    /// Restore suspended access, where passwords are not used.
    RestoreAccess,
    /// A sign-in from a client unlike the earlier ones.
    NewSignIn,
    /// An API token was created.
    TokenCreated,
    /// The password was changed.
    PasswordChanged,
    /// The email was changed; sent to the old one.
    EmailChanged,
    /// Two-factor authentication was turned on.
    TwoFactorEnabled,
    /// Two-factor authentication was turned off by the user.
    TwoFactorDisabled,
    /// An admin or the operator has removed the second factor.
    TwoFactorReset,
    /// A passkey was added.
    PasskeyAdded,
    /// A passkey was removed.
    PasskeyRemoved,
    /// An account at an identity provider was linked.
    ProviderLinked,
    /// A sign-in method was removed.
    ProviderUnlinked,
}

/// The lifetime of a link, as a span and in words.
pub(super) type Life = (Span, &'static str);
const FIVE_MINUTES: Life = (seconds(5 * 60), "five minutes");
const HOUR: Life = (seconds(60 * 60), "an hour");
pub(super) const THREE_DAYS: Life = (days(3), "three days");

/// An email with a link, or one without.
pub(super) enum Kind {
    Link(Purpose, Life, fn(&str, Url, &str) -> MailContent),
    Notice(fn(&str) -> Notice),
}

impl MailKind {
    /// Returns what an email about this consists of.
    pub(super) const fn kind(self) -> Kind {
        use Purpose::{
            ChangeEmail, DeleteAccount, RestoreAccess, SetPassword, SignIn, VerifyEmail,
        };
        match self {
            Self::VerifyEmail => Kind::Link(VerifyEmail, HOUR, templates::verify_email),
            Self::SignUpAttempt => Kind::Link(SetPassword, HOUR, templates::sign_up_attempt),
            Self::ResetPassword => Kind::Link(SetPassword, HOUR, templates::reset_password),
            Self::Invitation => Kind::Link(SetPassword, THREE_DAYS, templates::invitation),
            Self::ChangeEmail => Kind::Link(ChangeEmail, HOUR, templates::change_email),
            Self::DeleteAccount => Kind::Link(DeleteAccount, HOUR, templates::delete_account),
            Self::MagicLink => Kind::Link(SignIn, FIVE_MINUTES, templates::magic_link),
            Self::RestoreAccess => Kind::Link(RestoreAccess, HOUR, templates::restore_access),
            Self::NewSignIn => Kind::Notice(templates::new_sign_in),
            Self::TokenCreated => Kind::Notice(templates::token_created),
            Self::PasswordChanged => Kind::Notice(templates::password_changed),
            Self::EmailChanged => Kind::Notice(templates::email_changed),
            Self::TwoFactorEnabled => Kind::Notice(templates::two_factor_enabled),
            Self::TwoFactorDisabled => Kind::Notice(templates::two_factor_disabled),
            Self::TwoFactorReset => Kind::Notice(templates::two_factor_reset),
            Self::PasskeyAdded => Kind::Notice(templates::passkey_added),
            Self::PasskeyRemoved => Kind::Notice(templates::passkey_removed),
            Self::ProviderLinked => Kind::Notice(templates::provider_linked),
            Self::ProviderUnlinked => Kind::Notice(templates::provider_unlinked),
        }
    }
}
