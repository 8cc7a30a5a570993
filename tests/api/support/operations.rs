//! The operations that tests use where any operation of their kind would do.

/// The caller's API tokens: a read for a cookie or for a token with `read`, and a write for a cookie.
pub const TOKENS: &str = "/api/tokens";

/// The token that the caller presents: a write for any token, after which it is revoked.
pub const CURRENT_TOKEN: &str = "/api/tokens/current";

/// The reactivation of a user, even of an active one: a write for a token with `write` and `admin`.
pub fn reactivation(user_id: &str) -> String {
    format!("/api/admin/users/{user_id}/reactivate")
}
