use crate::{mail, store};

/// Why a job is not done.
#[derive(Debug)]
pub enum Failure {
    /// It never will be: give it up.
    Permanent(String),
    /// It may be later: try again.
    Transient(String),
    /// Nobody here knows what it is: a newer Portcullis does.
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
