//! The actions of the activity log.

use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::scope::read_by_name;

/// What was done.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray, ToSchema,
)]
#[strum(serialize_all = "kebab-case")]
#[schema(rename_all = "kebab-case")]
pub enum Action {
    /// A user signed up.
    SignedUp,
    /// A user signed in.
    SignedIn,
    /// A user signed out.
    SignedOut,
    /// Sign-ins failed. Clients that are not signed in cause these, so they are counted, and one event has the count.
    SignInFailed,
    /// The first admin was created with a setup link.
    FirstAdminCreated,
    /// An admin or the operator created a user.
    UserCreated,
    /// A user's name or role was changed.
    UserUpdated,
    /// A user was deactivated.
    UserDeactivated,
    /// A user was reactivated.
    UserReactivated,
    /// A user deleted their account.
    UserDeleted,
    /// A user suspended all access to their account, with a link in a mail.
    AccessSuspended,
    /// A user restored suspended access by setting a password, or with another mailed link.
    AccessRestored,
    /// A user changed their password.
    PasswordChanged,
    /// A user set a password with a mailed link.
    PasswordReset,
    /// The operator set a user's password.
    PasswordSet,
    /// A user confirmed their email.
    EmailVerified,
    /// A user requested a change of their email.
    EmailChangeRequested,
    /// A user's email was changed.
    EmailChanged,
    /// A user turned two-factor authentication on.
    TwoFactorEnabled,
    /// A user turned two-factor authentication off.
    TwoFactorDisabled,
    /// An admin or the operator removed a user's second factor.
    TwoFactorReset,
    /// A user replaced their recovery codes.
    RecoveryCodesReplaced,
    /// A user added a passkey.
    PasskeyAdded,
    /// A user renamed a passkey.
    PasskeyRenamed,
    /// A user removed a passkey.
    PasskeyRemoved,
    /// A passkey was rejected because its signature counter had not grown: there may be a copy of its authenticator.
    PasskeyRejected,
    /// An account at an identity provider was linked to a user.
    ProviderLinked,
    /// A user removed a sign-in method.
    ProviderUnlinked,
    /// The operator ended a user's wait after failed sign-ins.
    LoginUnlocked,
    /// All sessions of a user, or of all users, were revoked.
    SessionsEnded,
    /// One session was revoked.
    SessionEnded,
    /// A token was created.
    TokenCreated,
    /// One token was revoked.
    TokenRevoked,
    /// All tokens of a user, or of all users, were revoked.
    TokensRevoked,
    /// Tokens were rejected. As with failed sign-ins, one event has their count.
    TokenRejected,
    /// A user was sent an invitation, a verification or a password reset.
    MailSent,
    /// A job was made due again.
    JobRetried,
    /// A job was discarded.
    JobDiscarded,
    /// The operator confirmed the clock after it had jumped.
    ClockConfirmed,
}

read_by_name!(Action);

impl Action {
    /// Whether clients that are not signed in cause it, so that its events have no actor.
    #[must_use]
    pub fn is_anonymous(self) -> bool {
        matches!(self, Self::SignInFailed | Self::PasskeyRejected | Self::TokenRejected)
    }
}
