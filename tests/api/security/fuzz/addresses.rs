//! Spellings of an email. Which emails are valid is tested beside `src/fields.rs`.

use proptest::prelude::*;

use super::{holds, runtime};
use crate::support::*;

/// Invariant: a sign-up with another spelling of an existing email is rejected, and a sign-in with another
/// spelling signs in that same user.
#[test]
fn emails_that_differ_only_in_case_are_one_account() {
    let runtime = runtime();
    let server = runtime.block_on(Backend::Sqlite.start());
    let pairs = ("[a-z0-9+_-]{1,20}@[a-z]{2,10}[.](test|example)", any::<u64>());
    let pairs = pairs.prop_map(|(address, raised): (String, u64)| {
        let letter = |(at, letter): (usize, char)| {
            if raised >> (at % 64) & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        };
        let other: String = address.chars().enumerate().map(letter).collect();
        (address, other)
    });
    holds(&runtime, 4, pairs, async |(one, other)| {
        let body = |email: &str| json!({ "name": "x", "email": email, "password": PASSWORD });
        let sign_up =
            async |email: &str| server.anonymous.post("/api/auth/sign-up/email", body(email)).await;
        let registered = sign_up(&other).await;
        // proptest may have generated it before.
        if registered.status == 200 {
            assert_eq!(registered.json()["user"]["email"], one);
        }
        for email in [&one, &other] {
            sign_up(email).await.assert_problem(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
            let signed_in = server.anonymous.post("/api/auth/sign-in/email", body(email)).await;
            assert_eq!(signed_in.expect(200)["user"]["email"], one);
        }
    });
}
