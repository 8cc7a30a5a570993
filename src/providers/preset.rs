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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use crate::providers::{
        Identity, Provider, ProviderError,
        recorded::{Outcome, Recorded},
    };

    /// Google's metadata (`https://accounts.google.com/.well-known/openid-configuration`), and an ID token as in
    /// <https://developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload>. There
    /// `email_verified` is text.
    fn google() -> Recorded {
        let client = "1234987819200.apps.googleusercontent.com";
        Recorded {
            metadata: json!({
                "issuer": "https://accounts.google.com",
                "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
                "device_authorization_endpoint": "https://oauth2.googleapis.com/device/code",
                "token_endpoint": "https://oauth2.googleapis.com/token",
                "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
                "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
                "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
                "response_types_supported": [
                    "code", "token", "id_token", "code token", "code id_token", "token id_token",
                    "code token id_token", "none"
                ],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "email", "profile"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "claims_supported": [
                    "aud", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss",
                    "name", "picture", "sub"
                ],
                "code_challenge_methods_supported": ["plain", "S256"],
                "grant_types_supported": [
                    "authorization_code", "refresh_token",
                    "urn:ietf:params:oauth:grant-type:device_code",
                    "urn:ietf:params:oauth:grant-type:jwt-bearer"
                ]
            }),
            claims: json!({
                "iss": "https://accounts.google.com",
                "azp": client,
                "aud": client,
                "sub": "10769150350006150715113082367",
                "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
                "hd": "example.com",
                "email": "jsmith@example.com",
                "email_verified": "true",
                "iat": 1_353_601_026,
                "exp": 1_353_604_926
            }),
            user_info: Value::Null,
        }
    }

    const GOOGLE: &str = "[x]\npreset = \"google\"\nclient_id = \"1234987819200.apps.googleusercontent.com\"\nclient_secret = \"-\"\n";

    /// GitLab's metadata (`https://gitlab.com/.well-known/openid-configuration`, without the scopes for its API), and the
    /// claims that <https://docs.gitlab.com/integration/openid_connect_provider/> puts into the ID token; all others are
    /// in the user info.
    fn gitlab() -> Recorded {
        Recorded {
            metadata: json!({
                "issuer": "https://gitlab.com",
                "authorization_endpoint": "https://gitlab.com/oauth/authorize",
                "token_endpoint": "https://gitlab.com/oauth/token",
                "revocation_endpoint": "https://gitlab.com/oauth/revoke",
                "introspection_endpoint": "https://gitlab.com/oauth/introspect",
                "userinfo_endpoint": "https://gitlab.com/oauth/userinfo",
                "jwks_uri": "https://gitlab.com/oauth/discovery/keys",
                "scopes_supported": ["openid", "profile", "email"],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query", "fragment", "form_post"],
                "grant_types_supported": [
                    "authorization_code", "password", "client_credentials", "refresh_token"
                ],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "claim_types_supported": ["normal"],
                "claims_supported": [
                    "iss", "sub", "aud", "exp", "iat", "sub_legacy", "name", "nickname",
                    "preferred_username", "email", "email_verified", "website", "profile", "picture",
                    "groups", "groups_direct", "https://gitlab.org/claims/groups/owner",
                    "https://gitlab.org/claims/groups/maintainer",
                    "https://gitlab.org/claims/groups/developer"
                ],
                "code_challenge_methods_supported": ["plain", "S256"]
            }),
            claims: json!({
                "iss": "https://gitlab.com",
                "sub": "1234567",
                "aud": "an application",
                "exp": 1_764_000_120,
                "iat": 1_764_000_000,
                "auth_time": 1_763_990_000,
                "sub_legacy": "a3b1c5d7e9f0a3b1c5d7e9f0a3b1c5d7e9f0a3b1c5d7e9f0a3b1c5d7e9f0a3b1",
                "email": "ada@example.com",
                "email_verified": true,
                "groups_direct": ["engines"]
            }),
            user_info: json!({
                "sub": "1234567",
                "name": "Ada Lovelace",
                "nickname": "ada",
                "preferred_username": "ada",
                "email": "ada@example.com",
                "email_verified": true,
                "profile": "https://gitlab.com/ada",
                "picture": "https://gitlab.com/uploads/-/system/user/avatar/1234567/avatar.png",
                "groups": ["engines"]
            }),
        }
    }

    const GITLAB: &str =
        "[x]\npreset = \"gitlab\"\nclient_id = \"an application\"\nclient_secret = \"-\"\n";

    const TENANT: &str = "9122040d-6c67-4c5b-b112-36a304b66dad";

    /// A tenant's metadata
    /// (<https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document>),
    /// and the ID token of <https://learn.microsoft.com/en-us/entra/identity-platform/id-tokens>, with the `email` that
    /// <https://learn.microsoft.com/en-us/entra/identity-platform/id-token-claims-reference> adds for the scope `email`.
    fn microsoft() -> Recorded {
        let login = "https://login.microsoftonline.com";
        Recorded {
            metadata: json!({
                "token_endpoint": format!("{login}/{TENANT}/oauth2/v2.0/token"),
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post", "private_key_jwt", "client_secret_basic"
                ],
                "jwks_uri": format!("{login}/{TENANT}/discovery/v2.0/keys"),
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": format!("{login}/{TENANT}/v2.0"),
                "request_uri_parameter_supported": false,
                "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
                "authorization_endpoint": format!("{login}/{TENANT}/oauth2/v2.0/authorize"),
                "device_authorization_endpoint": format!("{login}/{TENANT}/oauth2/v2.0/devicecode"),
                "http_logout_supported": true,
                "frontchannel_logout_supported": true,
                "end_session_endpoint": format!("{login}/{TENANT}/oauth2/v2.0/logout"),
                "claims_supported": [
                    "sub", "iss", "cloud_instance_name", "cloud_instance_host_name",
                    "cloud_graph_host_name", "msgraph_host", "aud", "exp", "iat", "auth_time", "acr",
                    "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"
                ],
                "kerberos_endpoint": format!("{login}/{TENANT}/kerberos"),
                "tenant_region_scope": null,
                "cloud_instance_name": "microsoftonline.com",
                "cloud_graph_host_name": "graph.windows.net",
                "msgraph_host": "graph.microsoft.com",
                "rbac_url": "https://pas.windows.net"
            }),
            claims: json!({
                "ver": "2.0",
                "iss": format!("{login}/{TENANT}/v2.0"),
                "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
                "aud": "6cb04018-a3f5-46a7-b995-940c78f5aef3",
                "exp": 1_536_361_411,
                "iat": 1_536_274_711,
                "nbf": 1_536_274_711,
                "name": "Abe Lincoln",
                "preferred_username": "AbeLi@microsoft.com",
                "email": "AbeLi@microsoft.com",
                "oid": "00000000-0000-0000-66f3-3332eca7ea81",
                "tid": TENANT,
                "aio": "an internal value"
            }),
            user_info: Value::Null,
        }
    }

    /// A statement about emails counts from other providers with this setting.
    fn microsoft_file() -> String {
        format!(
            "[x]\npreset = \"microsoft\"\ntenant = \"{TENANT}\"\ntrusted_email = true\n\
             client_id = \"6cb04018-a3f5-46a7-b995-940c78f5aef3\"\nclient_secret = \"-\"\n"
        )
    }

    fn known(outcome: Outcome) -> (Provider, Identity) {
        (outcome.provider, outcome.identity.unwrap())
    }

    #[tokio::test]
    async fn user_of_google_signs_up_with_the_email_that_google_has_verified() {
        let outcome = google().sign_in(GOOGLE).await;
        assert!(outcome.url.as_str().starts_with("https://accounts.google.com/o/oauth2/v2/auth?"));
        assert_eq!(outcome.requests.len(), 1, "all claims are in the ID token");
        let (provider, identity) = known(outcome);
        assert_eq!(identity.subject, "10769150350006150715113082367");
        assert_eq!(identity.email.as_deref(), Some("jsmith@example.com"));
        assert_eq!(identity.email_verified, Some(true));
        assert!(provider.signs_up_verified(&identity));
        assert!(!provider.authenticates_again());

        let mut unverified = google();
        unverified.claims["email_verified"] = json!(false);
        let (provider, identity) = known(unverified.sign_in(GOOGLE).await);
        assert!(!provider.signs_up_verified(&identity));
    }

    #[tokio::test]
    async fn user_of_gitlab_signs_up_with_the_email_in_the_id_token_or_else_the_user_info() {
        let outcome = gitlab().sign_in(GITLAB).await;
        assert!(outcome.url.as_str().starts_with("https://gitlab.com/oauth/authorize?"));
        assert_eq!(outcome.requests.len(), 1);
        let (provider, identity) = known(outcome);
        assert_eq!(identity.subject, "1234567");
        assert_eq!(identity.email.as_deref(), Some("ada@example.com"));
        assert!(provider.signs_up_verified(&identity) && provider.authenticates_again());
        assert_eq!(identity.name, None, "the ID token has no name");
        let auth_time = identity.auth_time.map(|at| at.micros() / 1_000_000);
        assert_eq!(auth_time, Some(1_763_990_000));

        let mut older = gitlab();
        for claim in ["email", "email_verified"] {
            older.claims[claim].take();
        }
        let outcome = older.sign_in(GITLAB).await;
        let asked = outcome.requests[1].to_lowercase();
        assert!(asked.starts_with("get /userinfo") && asked.contains("bearer an access token"));
        let (provider, identity) = known(outcome);
        assert_eq!(identity.email.as_deref(), Some("ada@example.com"));
        assert_eq!(identity.name.as_deref(), Some("Ada Lovelace"));
        assert!(provider.signs_up_verified(&identity));
    }

    #[tokio::test]
    async fn user_of_microsoft_signs_up_with_an_email_that_is_not_verified() {
        for stated in [None, Some(true)] {
            let mut microsoft = microsoft();
            if let Some(stated) = stated {
                microsoft.claims["email_verified"] = json!(stated);
            }
            let outcome = microsoft.sign_in(&microsoft_file()).await;
            let place =
                format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize?");
            assert!(outcome.url.as_str().starts_with(&place));
            let (provider, identity) = known(outcome);
            assert_eq!(identity.subject, "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ");
            assert_eq!(identity.email.as_deref(), Some("AbeLi@microsoft.com"));
            assert_eq!(identity.name.as_deref(), Some("Abe Lincoln"));
            assert_eq!(identity.email_verified, Some(false), "an admin of the tenant enters it");
            assert!(!provider.signs_up_verified(&identity) && provider.authenticates_again());
        }
    }

    #[tokio::test]
    async fn user_of_another_tenant_of_microsoft_is_rejected() {
        let mut stranger = microsoft();
        let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
        stranger.claims["iss"] = json!(format!("https://login.microsoftonline.com/{tenant}/v2.0"));
        stranger.claims["tid"] = json!(tenant);
        let outcome = stranger.sign_in(&microsoft_file()).await;
        assert!(matches!(outcome.identity, Err(ProviderError::InvalidProof(_))));
    }
}
