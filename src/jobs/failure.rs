use crate::{mail, store};

/// Why a job has failed.
#[derive(Debug)]
pub enum Failure {
    /// It will never succeed: do not retry.
    Permanent(String),
    /// It may succeed later: retry.
    Transient(String),
    /// This version does not know this kind of job: a newer one does.
    #[doc(hidden)]
    Unknown,
}

impl From<mail::Error> for Failure {
    fn from(error: mail::Error) -> Self {
        match error {
            mail::Error::Permanent(reason) => Self::Permanent(reason),
            mail::Error::Transient(reason) => Self::Transient(reason),
        }
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Transient(error.to_string())
    }
}
