//! The proof that a user reads mail to their email, and what it takes from others.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::{
    store::{
        engine::{postgres, sqlite},
        schema::{accounts, known_clients, users},
        tables::{
            activity::{Action, Client, Event, record_event},
            api_tokens::mark_tokens_revoked_tx,
            generation::next_generation_tx,
            login_attempts::clear_login_attempts_tx,
            passkeys::remove_passkeys_tx,
            sessions::remove_sessions_tx,
            two_factor::remove_second_factor_tx,
            users::{User, present},
            verifications::remove_links_tx,
        },
    },
    time::Timestamp,
};

/// Records that a user's email is proved, within a transaction that has locked the user.
pub(in crate::store) trait EmailProof {
    /// Records that the client that signs in reads mail to the user's email.
    ///
    /// If that was not proved before, an attacker may have signed up with the email of another person, and kept ways to
    /// sign in (account pre-hijacking, <https://doi.org/10.48550/arXiv.2205.10174>). So everything is removed that the
    /// earlier registrant could still use: the password, passkeys and other sign-in methods, the second factor, sessions,
    /// tokens and links.
    async fn prove_email(
        &mut self,
        user: User,
        client: &Client,
        now: Timestamp,
    ) -> QueryResult<User>;

    /// Does the same for a user who may have lost control of the account, and also revokes every session, token, passkey
    /// and link of a verified user: another person may have added one, and only the mailbox is certain. Ends the login
    /// throttle.
    async fn recover_account(
        &mut self,
        user: User,
        client: &Client,
        now: Timestamp,
    ) -> QueryResult<User>;
}

/// Revokes every session, token and link of a user.
macro_rules! revoke_credentials_tx {
    ($conn:ident, $user_id:expr, $now:expr) => {
        next_generation_tx!($conn, $user_id, session_generation, token_generation, link_generation);
        remove_sessions_tx!($conn, $user_id, $now);
        mark_tokens_revoked_tx!($conn, $user_id, $now);
        remove_links_tx!($conn, $user_id, $now);
    };
}

macro_rules! email_proof {
    ($Connection:ty) => {
        impl EmailProof for $Connection {
            async fn prove_email(
                &mut self,
                user: User,
                client: &Client,
                now: Timestamp,
            ) -> QueryResult<User> {
                if user.email_verified {
                    return Ok(user);
                }
                let conn = self;
                diesel::delete(accounts::table.filter(accounts::user_id.eq(&user.id)))
                    .execute(conn)
                    .await?;
                revoke_credentials_tx!(conn, &user.id, now);
                remove_second_factor_tx!(conn, &user.id, now);
                remove_passkeys_tx!(conn, &user.id);
                diesel::delete(known_clients::table.filter(known_clients::user_id.eq(&user.id)))
                    .execute(conn)
                    .await?;
                let event = Event::of_user(&user.id, Action::EmailVerified, client, now)
                    .with_detail(json!({ "credentialsRevoked": true }));
                record_event!(conn, &event);
                diesel::update(users::table.filter(present()).find(&user.id))
                    .set((users::email_verified.eq(true), users::updated_at.eq(now)))
                    .returning(User::as_returning())
                    .get_result(conn)
                    .await
            }

            async fn recover_account(
                &mut self,
                user: User,
                client: &Client,
                now: Timestamp,
            ) -> QueryResult<User> {
                let user = self.prove_email(user, client, now).await?;
                let conn = self;
                remove_passkeys_tx!(conn, &user.id);
                clear_login_attempts_tx!(conn, &user.email);
                revoke_credentials_tx!(conn, &user.id, now);
                diesel::update(users::table.filter(present()).find(&user.id))
                    .set(users::updated_at.eq(now))
                    .returning(User::as_returning())
                    .get_result(conn)
                    .await
            }
        }
    };
}

email_proof!(postgres::Connection);
email_proof!(sqlite::Connection);
