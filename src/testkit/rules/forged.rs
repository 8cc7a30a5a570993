//! Headers by which some servers let a proxy say who the user is. This one has no such proxy: a client that sends them
//! is still the client that its credential says.

use reqwest::RequestBuilder;

use crate::testkit::TestUser;

const HEADERS: [&str; 14] = [
    "X-User-Id",
    "X-User",
    "X-UserId",
    "X-User-Email",
    "X-Auth-User",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Authenticated-User",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Remote-User",
    "Remote-User",
    "X-On-Behalf-Of",
    "X-Impersonate-User",
];

/// Adds headers that name this user, by id or by email.
pub(super) fn naming(mut request: RequestBuilder, user: &TestUser) -> RequestBuilder {
    for name in HEADERS {
        let value = if name.ends_with("Email") { &user.email } else { &user.id };
        request = request.header(name, value);
    }
    // A role, for a handler that reads it.
    request.header("X-User-Role", "admin").header("X-Role", "admin")
}
