//! The list of error codes: of each, its status, its name, a sentence for people, and an explanation for authors of
//! clients. The reference and the page at `/docs/errors` are derived from it.

use std::{borrow::Cow, collections::HashSet};

use actix_web::http::StatusCode;
use serde::{Serialize, Serializer};
use strum::IntoStaticStr;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, extensions::Extensions, schema::Type},
};

use super::{Error, FieldError};

/// The path of the list of error codes.
pub const CODES: &str = "/docs/errors";

/// Declares the codes, one entry each: `Variant: STATUS, name, message, explanation;`.
macro_rules! codes {
    ($($variant:ident: $status:ident, $name:literal, $message:literal, $explanation:literal;)+) => {
        /// The stable code of an error, for programs. Names in capitals are those of the Better Auth protocol, which
        /// its clients compare; names in lower case are this API's own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr)]
        #[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
        pub enum Code {
            $(#[doc = $message] $variant,)+
            /// A code of a product's own.
            Custom(&'static CustomCode),
        }

        impl Code {
            /// The codes of this library.
            pub const VARIANTS: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the HTTP status of the response.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)+
                    Self::Custom(code) => code.status,
                }
            }

            /// Returns the stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Custom(code) => code.name,
                }
            }

            /// Returns a sentence for people.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$variant => $message,)+
                    Self::Custom(code) => code.message,
                }
            }

            /// Returns when the error occurs and what to do about it, for authors of clients.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self {
                    $(Self::$variant => $explanation,)+
                    Self::Custom(code) => code.explanation,
                }
            }
        }
    };
}

codes! {
    BadRequest: BAD_REQUEST, "BAD_REQUEST",
        "The body is not valid JSON.",
        "`detail` names the line and column where it stops being JSON, or says that the body ended early.";
    InvalidQuery: BAD_REQUEST, "invalid_query",
        "The query string is not valid.",
        "`detail` and `errors` name the parameter that is unknown, missing or not valid; the document lists those of each operation.";
    ProtocolValidation: BAD_REQUEST, "VALIDATION_ERROR",
        "The body is not valid.",
        "A field is missing, unknown or of another type. `errors` lists them, and `message` repeats them as text, for clients of the protocol.";
    InvalidEmail: BAD_REQUEST, "INVALID_EMAIL",
        "This is not a valid email.",
        "Sign-in takes a whole email, such as ada@example.com.";
    PasswordTooShort: BAD_REQUEST, "PASSWORD_TOO_SHORT",
        "A password has at least 8 characters.",
        "Characters are counted, not bytes.";
    PasswordTooLong: BAD_REQUEST, "PASSWORD_TOO_LONG",
        "A password has at most 128 characters.",
        "Characters are counted, not bytes.";
    PasswordTooCommon: BAD_REQUEST, "PASSWORD_TOO_COMMON",
        "This password is too common. Choose another.",
        "Ask the user for another one.";
    PasswordTooObvious: BAD_REQUEST, "PASSWORD_TOO_OBVIOUS",
        "This password contains little more than your name, your email or the name of this site. Choose another.",
        "Ask the user for another one.";
    InvalidPassword: BAD_REQUEST, "INVALID_PASSWORD",
        "The password is wrong.",
        "The password in the body is not that of the signed-in user. Wrong passwords count toward the login throttle.";
    PasswordsDisabled: BAD_REQUEST, "EMAIL_PASSWORD_DISABLED",
        "Passwords are not used here. Sign in another way.",
        "The setting PORTCULLIS_PASSWORDS is `off`: users sign in with an identity provider, a passkey or a link to their email. Leave the password out where it is optional.";
    NoPassword: BAD_REQUEST, "CREDENTIAL_ACCOUNT_NOT_FOUND",
        "This account has no password. Request a link to choose one.",
        "A user who was created by an admin has no password before they choose one. `POST /api/auth/request-password-reset` mails a link for that.";
    InvalidLink: BAD_REQUEST, "INVALID_TOKEN",
        "This link has been used or has expired. Request a new one.",
        "A link works once and for a limited time, and a newer one takes its place. Request another.";
    SignUpClosed: BAD_REQUEST, "EMAIL_PASSWORD_SIGN_UP_DISABLED",
        "Sign-up is closed here. Ask an admin for an account.",
        "The setting PORTCULLIS_SIGN_UP is `closed`: an admin creates the accounts.";
    NewUserSignUpDisabled: BAD_REQUEST, "new_user_signup_disabled",
        "Sign-up is closed here. Ask an admin for an account.",
        "The link or the identity provider would have created an account, and the setting PORTCULLIS_SIGN_UP is `closed`.";
    EmailCannotBeUpdated: BAD_REQUEST, "EMAIL_CAN_NOT_BE_UPDATED",
        "Change the email with change-email.",
        "Leave `email` out here; `POST /api/auth/change-email` mails a link to the new one.";
    EmailUnchanged: BAD_REQUEST, "email_unchanged",
        "This is already your email.",
        "There is nothing to change.";
    EmailMismatch: BAD_REQUEST, "EMAIL_MISMATCH",
        "This is not your email.",
        "A signed-in user can only ask to confirm their own email.";
    EmailAlreadyVerified: BAD_REQUEST, "EMAIL_ALREADY_VERIFIED",
        "This email is already confirmed.",
        "There is nothing to confirm.";
    FieldNotAllowed: BAD_REQUEST, "FIELD_NOT_ALLOWED",
        "role is not allowed to be set.",
        "Users cannot choose their own role. Leave the field out.";
    NoFieldsToUpdate: BAD_REQUEST, "no_fields_to_update",
        "No fields to update.",
        "Send `name`, `image` or both.";
    SessionTooOld: BAD_REQUEST, "SESSION_EXPIRED",
        "Send your password, or sign in again, to do this.",
        "To delete an account by a mailed link, the session's password must have been entered within a day. Send `password`, or enter it again with `POST /api/auth/verify-password`.";
    TotpAlreadyEnabled: BAD_REQUEST, "TOTP_ALREADY_ENABLED",
        "Two-factor authentication is on already.",
        "To use another authenticator app, turn it off first. Until then the present one keeps working.";
    TotpNotEnabled: BAD_REQUEST, "TOTP_NOT_ENABLED",
        "Two-factor authentication was not set up.",
        "Begin with `POST /api/auth/two-factor/enable`.";
    TwoFactorNotEnabled: BAD_REQUEST, "TWO_FACTOR_NOT_ENABLED",
        "Two-factor authentication is not on.",
        "Only a user with two-factor authentication has recovery codes.";
    BackupCodesNotEnabled: BAD_REQUEST, "BACKUP_CODES_NOT_ENABLED",
        "There are no recovery codes.",
        "Begin with `POST /api/auth/two-factor/enable`, which returns ten.";
    OtpNotConfigured: BAD_REQUEST, "OTP_NOT_CONFIGURED",
        "Codes are not sent by email here. Use an authenticator app.",
        "The only method is `totp`.";
    PasskeysNotConfigured: BAD_REQUEST, "PASSKEYS_NOT_CONFIGURED",
        "Passkeys are not available here.",
        "`detail` says why. They need https and a domain, or localhost: the setting PORTCULLIS_PUBLIC_URL.";
    ChallengeNotFound: BAD_REQUEST, "CHALLENGE_NOT_FOUND",
        "This took too long, or was begun in another browser. Try again.",
        "The cookie of the ceremony is missing, or the ceremony has expired, was for something else or was used: its first response ends it. Fetch new options.";
    FailedToVerifyRegistration: BAD_REQUEST, "FAILED_TO_VERIFY_REGISTRATION",
        "The passkey was rejected.",
        "`detail` says why: for example the page's origin is not one of PORTCULLIS_PASSKEY_ORIGINS. Fetch new options to try again.";
    PreviouslyRegistered: BAD_REQUEST, "PREVIOUSLY_REGISTERED",
        "This passkey is registered already.",
        "A credential id belongs to one user. The authenticator should have chosen another.";
    AuthenticationFailed: BAD_REQUEST, "AUTHENTICATION_FAILED",
        "The passkey was rejected. Try again.",
        "`detail` says why: for example the page's origin is not one of PORTCULLIS_PASSKEY_ORIGINS, or the signature is wrong. Fetch new options to try again.";
    LastSignInMethod: BAD_REQUEST, "FAILED_TO_UNLINK_LAST_ACCOUNT",
        "This is your last way to sign in. Add another one first.",
        "Passwords, accounts at identity providers and passkeys count; links by email count if there is a mail server.";
    AccountNotFound: BAD_REQUEST, "ACCOUNT_NOT_FOUND",
        "You have no such sign-in method.",
        "`accountId` is the `id` of a row of `GET /api/auth/list-accounts`, and `provider` the `providerId` of one.";
    ReauthenticationNotSupported: BAD_REQUEST, "reauthentication_not_supported",
        "This identity provider does not sign a user in again on request.",
        "GitHub and Google do not. Enter the password, use a passkey, or sign in again, with a link to the email for instance.";
    TooManyCodeAttempts: BAD_REQUEST, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE",
        "Too many wrong codes. Sign in again.",
        "Five wrong codes end a sign-in that waits for the second factor. Begin again with the first one.";
    Unauthorized: UNAUTHORIZED, "UNAUTHORIZED",
        "Sign in, or send an API token.",
        "No credential was sent, or the session of the cookie has ended. In a browser, lead to the sign-in page; a script needs `Authorization: Bearer` with an API token.";
    AccessSuspended: UNAUTHORIZED, "access_suspended",
        "Access to this account is suspended.",
        "As `USER_SUSPENDED`, for a session or a token of the user. Neither works until access is restored.";
    InvalidEmailOrPassword: UNAUTHORIZED, "INVALID_EMAIL_OR_PASSWORD",
        "The email or the password is wrong.",
        "It does not say which of the two, so that no list of accounts can be made by trying. Failed sign-ins count toward the login throttle.";
    InvalidCode: UNAUTHORIZED, "INVALID_CODE",
        "This code is wrong, or was used before.",
        "A code of an authenticator app is accepted once, within a minute or so. Wrong codes count toward the throttle of the second factor.";
    InvalidBackupCode: UNAUTHORIZED, "INVALID_BACKUP_CODE",
        "This recovery code is wrong, or was used before.",
        "Each of the ten codes works once. Wrong codes count toward the throttle of the second factor.";
    UnknownPasskey: UNAUTHORIZED, "PASSKEY_NOT_FOUND",
        "This passkey is not known here. It may have been removed.",
        "No user has a passkey with this credential id. The browser may offer to forget it.";
    PasskeyOfAnotherUser: UNAUTHORIZED, "YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY",
        "This was begun by another user. Try again.",
        "The options were fetched in a session of another user, in the same browser. Fetch new ones.";
    InvalidTwoFactorCookie: UNAUTHORIZED, "INVALID_TWO_FACTOR_COOKIE",
        "This sign-in has ended. Sign in again.",
        "The cookie of a sign-in that waits for the second factor is missing or invalid, or the sign-in was completed or has expired: it lasts ten minutes.";
    InvalidEmailLink: UNAUTHORIZED, "INVALID_TOKEN",
        "This link is invalid or has been used. Request a new one.",
        "A link that confirms an email works once, and a newer one takes its place. Request another. Of a sign-in with an ID token: it is not valid here, is older than an hour, was used before, or came without its nonce.";
    UserInfoMissing: UNAUTHORIZED, "FAILED_TO_GET_USER_INFO",
        "The identity provider named no email.",
        "The account at the provider is not linked to a user, and without a valid email none can be created.";
    AccountNotLinked: UNAUTHORIZED, "OAUTH_LINK_ERROR",
        "This account at the identity provider is not linked to your account here.",
        "An account with its email exists, and the email is not confirmed on both sides; or sign-up is closed. The user signs in by another method and links it with `POST /api/auth/link-social`.";
    EmailLinkExpired: UNAUTHORIZED, "TOKEN_EXPIRED",
        "This link has expired. Request a new one.",
        "A link that confirms an email works for an hour, one that signs in for five minutes. Request another.";
    TokenMalformed: UNAUTHORIZED, "token_malformed",
        "This token is malformed: its checksum does not match. Check that it was copied completely.",
        "The token was cut off or changed on its way. The database was not asked.";
    TokenExpired: UNAUTHORIZED, "token_expired",
        "This token has expired.",
        "Create a new token; an expired one is not extended.";
    TokenInvalid: UNAUTHORIZED, "token_invalid",
        "This token is invalid.",
        "It was revoked, is unknown on this server, or its user is deactivated. Create a new token.";
    InsufficientScope: FORBIDDEN, "insufficient_scope",
        "This token lacks a scope that the operation needs.",
        "`detail` and the header `WWW-Authenticate` name the scopes that are needed. Scopes of a token do not change: create another.";
    CookieRequired: FORBIDDEN, "cookie_required",
        "This operation takes the session cookie, not a token.",
        "Creating, renaming and revoking tokens, and what concerns the account itself, is not open to tokens. Sign in with a browser.";
    TokenRequired: FORBIDDEN, "token_required",
        "This operation takes an API token, not the session cookie.",
        "It acts on the token that is presented: send it as `Authorization: Bearer`.";
    AdminRequired: FORBIDDEN, "admin_required",
        "This operation is for site admins.",
        "The signed-in user does not have the role `admin`, or the token lacks the scope of that name.";
    SessionNotFresh: FORBIDDEN, "SESSION_NOT_FRESH",
        "Confirm that it is you to do this: with your password (verify-password), a passkey, an identity provider, or by signing in again.",
        "The user of this session authenticated more than a day ago. After `POST /api/auth/verify-password`, a passkey's `verify-authentication`, `POST /api/auth/verify-social` and what follows, or another sign-in, the same request succeeds.";
    SecondFactorRequired: FORBIDDEN, "second_factor_required",
        "Enter a code of your authenticator app, or a recovery code, to do this.",
        "Send it as `code`, or verify one in this session first, with `POST /api/auth/two-factor/verify-totp`: that holds for fifteen minutes.";
    TwoFactorEnrolmentRequired: FORBIDDEN, "two_factor_enrolment_required",
        "Set up two-factor authentication first.",
        "The setting PORTCULLIS_TWO_FACTOR requires it of this user. Until then only setting it up is possible, with `POST /api/auth/two-factor/enable`, and signing out.";
    UserDeactivated: FORBIDDEN, "USER_DEACTIVATED",
        "This account is deactivated.",
        "Only an admin can reactivate an account.";
    UserSuspended: FORBIDDEN, "USER_SUSPENDED",
        "Access to this account is suspended.",
        "Its owner has suspended it, with a link in an email about a change. A password reset restores access (`POST /api/auth/request-password-reset`), or where passwords are not used the link that `POST /api/auth/sign-in/magic-link` mails, if the email of the account is still the one to which that link was sent. Otherwise an admin can reactivate the user.";
    EmailNotVerified: FORBIDDEN, "EMAIL_NOT_VERIFIED",
        "Confirm your email first, with the link that was sent to you.",
        "The setting PORTCULLIS_EMAIL_VERIFICATION is `required`. `POST /api/auth/send-verification-email` mails another link.";
    InvalidOrigin: FORBIDDEN, "INVALID_ORIGIN",
        "This page may not act for a signed-in user here.",
        "The header `Origin` is neither this site nor one of PORTCULLIS_TRUSTED_ORIGINS. This protects signed-in users against forged requests (CSRF).";
    MissingOrNullOrigin: FORBIDDEN, "MISSING_OR_NULL_ORIGIN",
        "A request that changes data with a cookie must send its Origin.",
        "Browsers send the header by themselves. A script that is not a browser should send a token, which needs no Origin.";
    CrossSiteNavigation: FORBIDDEN, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
        "Another site may not sign you in here.",
        "Signing in or up by a form on another site is refused (login CSRF).";
    EmailDomainNotAllowed: FORBIDDEN, "email_domain_not_allowed",
        "Only emails of certain domains may sign up here.",
        "The setting PORTCULLIS_SIGN_UP_DOMAINS lists the domains. An admin can create an account for another email.";
    InvalidNewUserCallbackUrl: FORBIDDEN, "INVALID_NEW_USER_CALLBACK_URL",
        "The newUserCallbackURL is not a path here or on a trusted origin.",
        "Send a path such as `/welcome`, or add the page's origin to PORTCULLIS_TRUSTED_ORIGINS.";
    InvalidErrorCallbackUrl: FORBIDDEN, "INVALID_ERROR_CALLBACK_URL",
        "The errorCallbackURL is not a path here or on a trusted origin.",
        "Send a path such as `/login`, or add the page's origin to PORTCULLIS_TRUSTED_ORIGINS.";
    InvalidCallbackUrl: FORBIDDEN, "INVALID_CALLBACK_URL",
        "callbackURL must be a path here or on a trusted origin.",
        "Send a path that begins with a single `/`, or a URL whose origin is in PORTCULLIS_TRUSTED_ORIGINS.";
    InvalidRedirectUrl: FORBIDDEN, "INVALID_REDIRECT_URL",
        "redirectTo must be a page that takes the link: /reset-password, or one on a trusted origin.",
        "A page that does not know what to do with the link would leave its reader without a way on.";
    NotFound: NOT_FOUND, "not_found",
        "Not found.",
        "The path is unknown, or the resource does not exist or belongs to another user: the answer does not tell these apart.";
    PasskeyNotFound: NOT_FOUND, "PASSKEY_NOT_FOUND",
        "There is no such passkey.",
        "It does not exist, or belongs to another user: the answer does not tell these apart.";
    ProviderNotFound: NOT_FOUND, "PROVIDER_NOT_FOUND",
        "There is no such identity provider.",
        "`provider` is the id of a table in the file that PORTCULLIS_PROVIDERS_FILE names.";
    IdTokenNotSupported: NOT_FOUND, "ID_TOKEN_NOT_SUPPORTED",
        "This identity provider issues no ID tokens.",
        "Sign in with it by redirect: leave `idToken` out.";
    InvalidDeletionLink: NOT_FOUND, "INVALID_TOKEN",
        "This link has been used, has expired or is not yours. Request a new one.",
        "A link that deletes an account works once, in a browser that is signed in to that account. Request another.";
    MethodNotAllowed: METHOD_NOT_ALLOWED, "method_not_allowed",
        "This path does not support that method.",
        "The header `Allow` lists the methods that the path takes.";
    RequestTimeout: REQUEST_TIMEOUT, "request_timeout",
        "The body took too long to arrive.",
        "A body must be complete within ten seconds. Send the request again.";
    AccountAlreadyLinked: CONFLICT, "SOCIAL_ACCOUNT_ALREADY_LINKED",
        "This account at the identity provider is linked to another user.",
        "It must be unlinked there first.";
    EmailTaken: CONFLICT, "email_taken",
        "This email is already in use.",
        "Another account has this email. Find it in the list of users.";
    AdminExists: CONFLICT, "admin_exists",
        "This site already has an admin. Sign in, or ask an admin.",
        "The setup page works only while there is no active admin.";
    Conflict: CONFLICT, "conflict",
        "This value is already in use.",
        "Another row has this value, or the row is still in use: `errors` names the field where it is known.";
    TotpUnreadable: CONFLICT, "totp_unreadable",
        "The server cannot read the secret of your authenticator app. Use a recovery code, or ask an admin.",
        "No accepted signing secret decrypts it, as after restoring a backup without its secret. A recovery code still works; then turn two-factor authentication off and on again.";
    TooManyPasskeys: CONFLICT, "too_many_passkeys",
        "You have as many passkeys as an account may have. Remove one first.",
        "An account has at most fifty.";
    LastAdmin: CONFLICT, "last_admin",
        "This would leave the site without an active admin.",
        "Give another user the role `admin` first.";
    PayloadTooLarge: PAYLOAD_TOO_LARGE, "payload_too_large",
        "The body is too large.",
        "A body may have 64 KiB.";
    UnsupportedMediaType: UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE",
        "Send the body as application/json.",
        "Set `Content-Type: application/json`.";
    ValidationFailed: UNPROCESSABLE_ENTITY, "validation_failed",
        "Some fields are not valid.",
        "`errors` lists the fields, each with a `code` and a `message` to show beside it.";
    UserAlreadyExists: UNPROCESSABLE_ENTITY, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        "This email is already in use. Use another, or sign in.",
        "The account with this email can sign in, or request a link to choose a new password.";
    TooManyRequests: TOO_MANY_REQUESTS, "too_many_requests",
        "Too many requests. Please try again later.",
        "The header `Retry-After` says after how many seconds to try again. The limits are those of the IP address, of the account, and of failed sign-ins.";
    SecondFactorThrottled: TOO_MANY_REQUESTS, "ACCOUNT_TEMPORARILY_LOCKED",
        "Too many wrong codes. Try again later.",
        "The header `Retry-After` says after how many seconds to try again. The count is the user's, over all sessions and sign-ins.";
    Internal: INTERNAL_SERVER_ERROR, "internal_error",
        "Something went wrong on our side.",
        "It is logged. Report it with its `requestId`.";
    StoreUnavailable: SERVICE_UNAVAILABLE, "store_unavailable",
        "The database is temporarily unavailable. Try again soon.",
        "The session is not ended by it. The header `Retry-After` says after how many seconds to try again.";
    ProviderUnavailable: SERVICE_UNAVAILABLE, "provider_unavailable",
        "The identity provider is temporarily unavailable. Try again soon, or sign in another way.",
        "It cannot be reached, or does not respond as OpenID Connect requires; the log has the reason. Nothing else depends on it.";
    Busy: SERVICE_UNAVAILABLE, "busy",
        "The server is busy checking passwords. Try again soon.",
        "The header `Retry-After` says after how many seconds to try again.";
}

/// An error code of a product's own.
///
/// ```
/// use actix_web::http::StatusCode;
/// use portcullis::error::{Code, CustomCode};
///
/// pub const OVER_BUDGET: Code = Code::Custom(&CustomCode {
///     status: StatusCode::CONFLICT,
///     name: "over_budget",
///     message: "The budget is exhausted.",
///     explanation: "Raise the budget with `PATCH /api/budgets/{id}`, or wait for the next month.",
/// });
/// ```
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CustomCode {
    /// The HTTP status of the response.
    pub status: StatusCode,
    /// The stable name, for programs: lower case, and underscores.
    pub name: &'static str,
    /// A sentence for people.
    pub message: &'static str,
    /// When the error occurs and what to do about it, for authors of clients.
    pub explanation: &'static str,
}

impl Code {
    /// The codes with which a new password can be rejected: by the rules, or because too many passwords are
    /// being hashed.
    pub const NEW_PASSWORD: [Self; 5] = [
        Self::PasswordTooShort,
        Self::PasswordTooLong,
        Self::PasswordTooCommon,
        Self::PasswordTooObvious,
        Self::Busy,
    ];

    /// The codes with which a mailed link to confirm an email can be rejected.
    pub const EMAIL_LINK: [Self; 5] = [
        Self::InvalidEmailLink,
        Self::EmailLinkExpired,
        Self::UserDeactivated,
        Self::UserSuspended,
        Self::UserAlreadyExists,
    ];

    /// The codes with which a mailed link to sign in can be rejected.
    pub const MAGIC_LINK: [Self; 6] = [
        Self::InvalidEmailLink,
        Self::EmailLinkExpired,
        Self::UserDeactivated,
        Self::UserSuspended,
        Self::EmailNotVerified,
        Self::NewUserSignUpDisabled,
    ];

    /// The codes with which the proof of the second factor can be missing or rejected.
    pub const SECOND_FACTOR: [Self; 4] = [
        Self::SecondFactorRequired,
        Self::InvalidCode,
        Self::TotpUnreadable,
        Self::SecondFactorThrottled,
    ];

    /// The codes with which the completion of a sign-in can be rejected, in addition to those for a wrong code.
    pub const CHALLENGE: [Self; 6] = [
        Self::InvalidTwoFactorCookie,
        Self::TooManyCodeAttempts,
        Self::UserDeactivated,
        Self::UserSuspended,
        Self::EmailNotVerified,
        Self::Unauthorized,
    ];

    /// The codes with which the response of a browser to a passkey ceremony can be rejected.
    pub const PASSKEY_SIGN_IN: [Self; 7] = [
        Self::PasskeysNotConfigured,
        Self::ChallengeNotFound,
        Self::UnknownPasskey,
        Self::AuthenticationFailed,
        Self::UserDeactivated,
        Self::UserSuspended,
        Self::EmailNotVerified,
    ];

    /// Returns the code with this name; the first, if several have it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::VARIANTS.iter().copied().find(|code| code.name() == name)
    }

    /// Returns a name for generated code. Unlike [`Self::name`] it is unique even regardless of case: code
    /// generators treat `TOKEN_EXPIRED` and `token_expired` as the same.
    #[must_use]
    pub fn constant(self) -> &'static str {
        match self {
            Self::Custom(code) => code.name,
            _ => self.into(),
        }
    }

    /// Returns the URL of the explanation: the `type` of a problem (RFC 9457, 3.1.1).
    #[must_use]
    pub fn link(self) -> String {
        format!("{CODES}#{}", self.name())
    }

    /// Returns this error with a more specific detail.
    #[must_use]
    pub fn because(self, detail: impl Into<Cow<'static, str>>) -> Error {
        Error { detail: Some(detail.into()), ..self.into() }
    }

    /// Returns this error with errors on these fields.
    #[must_use]
    pub fn on(self, fields: Vec<FieldError>) -> Error {
        Error { fields, ..self.into() }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        Self::schema_of(Self::VARIANTS.to_vec())
    }
}

impl Code {
    /// Returns the schema of these codes.
    pub(crate) fn schema_of(mut codes: Vec<Self>) -> RefOr<Schema> {
        let mut seen = HashSet::new();
        codes.retain(|code| seen.insert(code.name()));
        let constants: Vec<_> = codes.iter().map(|code| code.constant()).collect();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What went wrong, for programs. It does not change."))
            .enum_values(Some(codes.into_iter().map(Self::name)))
            .extensions(Some(Extensions::from_iter([("x-enum-varnames", constants)])))
            .into()
    }
}

impl ToSchema for Code {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ErrorCode")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_are_unique_by_name_and_status() {
        let names: HashSet<_> =
            Code::VARIANTS.iter().map(|code| (code.name(), code.status())).collect();
        assert_eq!(names.len(), Code::VARIANTS.len());
    }
}
