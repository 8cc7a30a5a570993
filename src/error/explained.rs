//! The explanation of each code for authors of clients: when it occurs, and what to do about it.

use super::Code;

/// The path of the list of error codes.
pub const CODES: &str = "/docs/errors";

impl Code {
    /// Returns the explanation that follows the code's sentence in the list of error codes.
    #[must_use]
    #[rustfmt::skip]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::BadRequest => "`detail` names the line and column where it stops being JSON, or says that the body ended early.",
            Self::InvalidQuery => "`detail` names the parameter that is unknown, missing or out of its range; the document lists those of each operation.",
            Self::ProtocolValidation => "A field is missing, unknown or of another type. `errors` lists them, and `message` repeats them as text, for clients of the protocol.",
            Self::InvalidEmail => "Sign-in takes a whole email, such as ada@example.com.",
            Self::PasswordTooShort | Self::PasswordTooLong => "Characters are counted, not bytes.",
            Self::PasswordTooCommon | Self::PasswordTooObvious => "Ask the user for another one.",
            Self::InvalidPassword => "The password in the body is not that of the signed-in user. Wrong passwords count toward the login throttle.",
            Self::NoPassword => "A user who was created by an admin has no password before they choose one. `POST /api/auth/request-password-reset` mails a link for that.",
            Self::InvalidLink => "A link works once and for a limited time, and a newer one takes its place. Request another.",
            Self::SignUpClosed => "The setting PORTCULLIS_SIGN_UP is `closed`: an admin creates the accounts.",
            Self::EmailCannotBeUpdated => "Leave `email` out here; `POST /api/auth/change-email` mails a link to the new one.",
            Self::EmailUnchanged => "There is nothing to change.",
            Self::EmailMismatch => "A signed-in user can only ask to confirm their own email.",
            Self::EmailAlreadyVerified => "There is nothing to confirm.",
            Self::FieldNotAllowed => "Users cannot choose their own role. Leave the field out.",
            Self::NoFieldsToUpdate => "Send `name`, `image` or both.",
            Self::SessionTooOld => "To delete an account by a mailed link, the session's password must have been entered within a day. Send `password`, or enter it again with `POST /api/auth/verify-password`.",
            Self::Unauthorized => "No credential was sent, or the session of the cookie has ended. In a browser, lead to the sign-in page; a script needs `Authorization: Bearer` with an API token.",
            Self::InvalidEmailOrPassword => "It does not say which of the two, so that no list of accounts can be made by trying. Failed sign-ins count toward the login throttle.",
            Self::InvalidEmailLink => "A link that confirms an email works once, and a newer one takes its place. Request another.",
            Self::EmailLinkExpired => "A link that confirms an email works for an hour. Request another.",
            Self::TokenMalformed => "The token was cut off or changed on its way. The database was not asked.",
            Self::TokenExpired => "Create a new token; an expired one is not extended.",
            Self::TokenInvalid => "It was revoked, is unknown on this server, or its user is deactivated. Create a new token.",
            Self::InsufficientScope => "`detail` and the header `WWW-Authenticate` name the scopes that are needed. Scopes of a token do not change: create another.",
            Self::CookieRequired => "Creating, renaming and revoking tokens, and what concerns the account itself, is not open to tokens. Sign in with a browser.",
            Self::TokenRequired => "It acts on the token that is presented: send it as `Authorization: Bearer`.",
            Self::AdminRequired => "The signed-in user does not have the role `admin`, or the token lacks the scope of that name.",
            Self::SessionNotFresh => "The password of this session was entered more than a day ago. After `POST /api/auth/verify-password` the same request succeeds.",
            Self::UserDeactivated => "Only an admin can reactivate an account.",
            Self::EmailNotVerified => "The setting PORTCULLIS_EMAIL_VERIFICATION is `required`. `POST /api/auth/send-verification-email` mails another link.",
            Self::InvalidOrigin => "The header `Origin` is neither this site nor one of PORTCULLIS_TRUSTED_ORIGINS. This protects signed-in users against forged requests (CSRF).",
            Self::MissingOrNullOrigin => "Browsers send the header by themselves. A script that is not a browser should send a token, which needs no Origin.",
            Self::CrossSiteNavigation => "Signing in or up by a form on another site is refused (login CSRF).",
            Self::InvalidCallbackUrl => "Send a path that begins with a single `/`, or a URL whose origin is in PORTCULLIS_TRUSTED_ORIGINS.",
            Self::InvalidRedirectUrl => "A page that does not know what to do with the link would leave its reader without a way on.",
            Self::NotFound => "The path is unknown, or the resource does not exist or belongs to another user: the answer does not tell these apart.",
            Self::InvalidDeletionLink => "A link that deletes an account works once, in a browser that is signed in to that account. Request another.",
            Self::MethodNotAllowed => "The header `Allow` lists the methods that the path takes.",
            Self::RequestTimeout => "A body must be complete within ten seconds. Send the request again.",
            Self::EmailTaken => "Another account has this email. Find it in the list of users.",
            Self::AdminExists => "The setup page works only while there is no active admin.",
            Self::Conflict => "Another row has this value, or the row is still in use: `errors` names the field where it is known.",
            Self::LastAdmin => "Give another user the role `admin` first.",
            Self::PayloadTooLarge => "A body may have 64 KiB.",
            Self::UnsupportedMediaType => "Set `Content-Type: application/json`.",
            Self::ValidationFailed => "`errors` lists the fields, each with a `code` and a `message` to show beside it.",
            Self::UserAlreadyExists => "The account with this email can sign in, or request a link to choose a new password.",
            Self::TooManyRequests => "The header `Retry-After` says after how many seconds to try again. The limits are those of the IP address, of the account, and of failed sign-ins.",
            Self::Internal => "It is logged. Report it with its `requestId`.",
            Self::StoreUnavailable => "The session is not ended by it. The header `Retry-After` says after how many seconds to try again.",
            Self::Busy => "The header `Retry-After` says after how many seconds to try again.",
        }
    }

    /// Returns the URL of the explanation: the `type` of a problem (RFC 9457, 3.1.1).
    #[must_use]
    pub fn link(self) -> String {
        format!("{CODES}#{}", self.name())
    }
}
