//! Passkeys, by an authenticator in software.

mod changes;
mod reauthentication;
mod registration;
mod sign_in;

use portcullis::time::{days, seconds};

use super::*;

const LIST: &str = "/api/auth/passkey/list-user-passkeys";
const UPDATE: &str = "/api/auth/passkey/update-passkey";
const DELETE: &str = "/api/auth/passkey/delete-passkey";

/// Returns the browser that a response has signed in.
#[track_caller]
fn signed_in(server: &Server, reply: Reply) -> Caller {
    let cookie = reply.cookie();
    reply.expect(200);
    server.anonymous.with_cookie(&cookie.expect("the session cookie is set"))
}

/// Returns the passkeys of a user.
async fn passkeys_of(user: &TestUser) -> Vec<Value> {
    user.browser.get(LIST).await.expect(200).as_array().unwrap().clone()
}

/// Returns the names of the actions about a user, newest first.
async fn actions(server: &Server, user: &TestUser) -> Vec<String> {
    let sql = format!(
        "SELECT action AS value FROM activity WHERE subject_id = '{}' ORDER BY id DESC",
        user.id
    );
    select(server, &sql).await
}
