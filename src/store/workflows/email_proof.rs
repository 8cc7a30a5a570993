//! The proof that a user reads mail to their email, and what it takes from others.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::{
    store::{
        schema::{accounts, known_clients, users},
        statements,
        tables::{
            activity::{Action, Client, Event, RecordEvent},
            api_tokens::RevokeTokens,
            generation::next_generation_tx,
            login_attempts::ClearAttempts,
            passkeys::RemovePasskeys,
            sessions::RevokeSessions,
            two_factor::SecondFactor,
            users::{User, present},
            verifications::RedeemLinks,
        },
    },
    time::Timestamp,
};

statements! {
    /// Records that a user's email is proved, within a transaction that has locked the user.
    pub(in crate::store) trait EmailProof {
        /// Records that the client that signs in reads mail to the user's email.
        ///
        /// If that was not proved before, an attacker may have signed up with the email of another person, and kept ways to
        /// sign in (account pre-hijacking, <https://doi.org/10.48550/arXiv.2205.10174>). So everything is removed that the
        /// earlier registrant could still use: the password, passkeys and other sign-in methods, the second factor,
        /// sessions, tokens and links.
        async fn prove_email(conn, user: User, client: &Client, now: Timestamp) -> User {
            if user.email_verified {
                return Ok(user);
            }
            diesel::delete(accounts::table.filter(accounts::user_id.eq(&user.id)))
                .execute(conn)
                .await?;
            conn.revoke_credentials(&user.id, now).await?;
            conn.remove_second_factor(&user.id, now).await?;
            conn.remove_passkeys(&user.id).await?;
            diesel::delete(known_clients::table.filter(known_clients::user_id.eq(&user.id)))
                .execute(conn)
                .await?;
            let event = Event::of_user(&user.id, Action::EmailVerified, client, now)
                .with_detail(json!({ "credentialsRevoked": true }));
            conn.record_event(&event).await?;
            diesel::update(users::table.filter(present()).find(&user.id))
                .set((users::email_verified.eq(true), users::updated_at.eq(now)))
                .returning(User::as_returning())
                .get_result(conn)
                .await
        }

        /// Does the same for a user who may have lost control of the account, and also revokes every session, token,
        /// passkey and link of a verified user: another person may have added one, and only the mailbox is certain. Ends
        /// the login throttle.
        async fn recover_account(conn, user: User, client: &Client, now: Timestamp) -> User {
            let user = conn.prove_email(user, client, now).await?;
            conn.remove_passkeys(&user.id).await?;
            conn.clear_login_attempts(&user.email).await?;
            conn.revoke_credentials(&user.id, now).await?;
            diesel::update(users::table.filter(present()).find(&user.id))
                .set(users::updated_at.eq(now))
                .returning(User::as_returning())
                .get_result(conn)
                .await
        }

        /// Revokes every session, token and link of a user.
        async fn revoke_credentials(conn, user_id: &str, now: Timestamp) -> () {
            next_generation_tx!(conn, user_id, session_generation, token_generation, link_generation);
            conn.remove_sessions(user_id, now).await?;
            conn.mark_tokens_revoked(user_id, now).await?;
            conn.remove_links(user_id, now).await
        }
    }
}
