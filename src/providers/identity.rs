use crate::time::Timestamp;

/// Who a user is, by a provider's word.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The user's id at the provider, which never changes and is never another user's.
    pub subject: String,
    /// The user's email.
    pub email: Option<String>,
    /// Whether the provider verified the email; none if it does not say.
    pub email_verified: Option<bool>,
    /// The user's name.
    pub name: Option<String>,
    /// How the provider authenticated the user (`amr`, RFC 8176).
    pub amr: Vec<String>,
    /// The class of that authentication (`acr`).
    pub acr: Option<String>,
    /// When the user authenticated at the provider.
    pub auth_time: Option<Timestamp>,
}
