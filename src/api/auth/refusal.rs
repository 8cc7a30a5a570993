//! The error codes of refused sign-ins and mailed links.

use crate::{
    error::Code,
    store::{sign_in::Refusal, verifications::LinkError},
};

impl From<Refusal> for Code {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Deactivated => Self::UserDeactivated,
            Refusal::Suspended => Self::UserSuspended,
            Refusal::NotVerified => Self::EmailNotVerified,
        }
    }
}

impl LinkError {
    /// Returns the code, where the protocol has one code for a link that is unknown or has expired.
    pub(super) fn code(self, invalid: Code) -> Code {
        match self {
            Self::Unknown | Self::Expired => invalid,
            Self::Deactivated => Code::UserDeactivated,
            Self::Suspended => Code::UserSuspended,
        }
    }
}

impl From<LinkError> for Code {
    fn from(error: LinkError) -> Self {
        error.code(if error == LinkError::Expired {
            Self::EmailLinkExpired
        } else {
            Self::InvalidEmailLink
        })
    }
}
