use serde::Deserialize;

/// A provider whose issuer, or protocol, is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Preset {
    Google,
    #[serde(rename = "github")]
    GitHub,
    #[serde(rename = "gitlab")]
    GitLab,
    Microsoft,
}

/// Microsoft's tenants that stand for many: their tokens have the issuer of the user's own tenant.
const MANY_TENANTS: [&str; 3] = ["common", "organizations", "consumers"];

impl Preset {
    /// Returns the name for people.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Google => "Google",
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Microsoft => "Microsoft",
        }
    }

    /// Returns the issuer; none for OAuth 2.0 without OpenID Connect.
    pub(super) fn issuer(self, tenant: &str) -> Option<String> {
        Some(match self {
            Self::Google => "https://accounts.google.com".to_owned(),
            Self::GitLab => "https://gitlab.com".to_owned(),
            Self::Microsoft => format!("https://login.microsoftonline.com/{tenant}/v2.0"),
            Self::GitHub => return None,
        })
    }

    /// Returns whether it authenticates a user again on request. GitHub has no such request, and states no time. Nor has
    /// Google: "Google does not support re-authentication requests for Google Accounts"
    /// (<https://developers.google.com/identity/siwg/security-bundle>).
    pub(super) const fn authenticates_again(self) -> bool {
        matches!(self, Self::GitLab | Self::Microsoft)
    }

    /// Returns whether its statement about an email counts. An admin of a Microsoft tenant can give a user any email
    /// ("nOAuth").
    pub(super) const fn verifies_emails(self) -> bool {
        !matches!(self, Self::Microsoft)
    }
}

/// Checks the id or domain of a tenant of Microsoft.
pub(super) fn check_tenant(tenant: &str) -> Result<(), &'static str> {
    if MANY_TENANTS.contains(&tenant) {
        return Err(
            "must be one tenant: common, organizations and consumers have no issuer of their own",
        );
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if tenant.is_empty() || !tenant.bytes().all(plain) {
        return Err("must be the id or the domain of a tenant");
    }
    Ok(())
}
