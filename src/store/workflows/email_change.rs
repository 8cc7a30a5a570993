//! A user's email: confirming it, and changing it.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::{
    secrets::LinkHash,
    store::{
        Error, Store, invalidating_transaction, query,
        schema::{accounts, jobs, used_links, users, verifications},
        tables::{
            accounts::PASSWORD,
            activity::{Action, Client, Event, RecordEvent},
            api_tokens::RevokeTokens,
            generation::{self, next_generation_tx},
            jobs::{AddJob, JobRow, NewJob},
            locks::Locks,
            login_attempts::ClearAttempts,
            passkeys::RemovePasskeys,
            sessions::RevokeSessions,
            two_factor::SecondFactor,
            users::{User, present, search::IndexUsers},
            verifications::{
                LinkError, Purpose, RedeemLinks, Verification,
                used_links::{UsedLink, has_confirmed_tx},
            },
        },
        transaction,
    },
    time::Timestamp,
};

/// How a link was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// By what.
    pub by: FollowedBy,
    /// The id of the user who is signed in in that browser, if any.
    pub signed_in: Option<String>,
}

/// What has followed a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowedBy {
    /// A person, who pressed a button.
    Button,
    /// A GET request, which a mail scanner sends as well as a user's browser.
    Get,
}

/// What following a link has confirmed.
#[derive(Debug)]
pub enum Verified {
    /// The user's current email.
    Present,
    /// The current email, which the same link has confirmed before.
    Already,
    /// The user's new email, which replaces the old one.
    Changed(Box<User>),
}

impl Followed {
    /// Whether the person who reads the mail may be another than the one who has signed up.
    fn may_be_another_person(&self, user: &User) -> bool {
        self.signed_in.as_ref() != Some(&user.id)
    }
}

/// Adds the job that mails the link for a change of email, and records who requested it.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn request(store: &Store, mail: NewJob, event: Event) -> Result<(), Error> {
    transaction!(store, |conn| {
        conn.add_job(&mail).await?;
        conn.record_event(&event).await?;
        Ok(())
    })
}

/// Redeems a link that was mailed to an email, which confirms that the email is the user's.
///
/// If it is a new email: revokes every session but the one that requested the change, and every other link, and
/// notifies the old email.
///
/// If the current email is confirmed for the first time, and outside the user's own session, an attacker may have signed
/// up with it. Removes what was added to the account since, and what a later password reset would leave in place: the
/// second factor, passkeys and linked accounts at providers. That with which the user signed up stays, because this is
/// also how users who read their mail in another browser confirm it. After a GET request, which may be a mail scanner's,
/// revokes the sessions and tokens from before as well.
///
/// # Errors
/// [`Error::Violated`] when another user has taken the new email; the link then stays valid.
pub async fn verify(
    store: &Store,
    link: LinkHash,
    followed: Followed,
    notice: impl Fn(&User) -> NewJob + Send + 'static,
    client: Client,
    now: Timestamp,
) -> Result<Result<Verified, LinkError>, Error> {
    invalidating_transaction!(store, |conn| {
        let (user, verification) =
            match conn.redeem(link, &[Purpose::VerifyEmail, Purpose::ChangeEmail], now).await? {
                Ok(redeemed) => redeemed,
                Err(LinkError::Unknown) if has_confirmed_tx!(conn, link, now) => {
                    return Ok(Ok(Verified::Already));
                }
                Err(refused) => return Ok(Err(refused)),
            };
        let confirming = UsedLink {
            secret_hash: link,
            user_id: &user.id,
            email: &verification.email,
            expires_at: verification.expires_at,
        };
        diesel::insert_into(used_links::table).values(&confirming).execute(conn).await?;
        if !verification.changes_email() {
            let removes = !user.email_verified && followed.may_be_another_person(&user);
            let revokes = removes && followed.by == FollowedBy::Get;
            if removes {
                conn.remove_second_factor(&user.id, now).await?;
                conn.remove_passkeys(&user.id).await?;
                let added = accounts::provider_id
                    .ne(PASSWORD)
                    .and(accounts::created_at.gt(user.created_at));
                diesel::delete(accounts::table.filter(accounts::user_id.eq(&user.id)))
                    .filter(added)
                    .execute(conn)
                    .await?;
            }
            if revokes {
                next_generation_tx!(conn, &user.id, session_generation, token_generation);
                conn.remove_sessions(&user.id, now).await?;
                conn.mark_tokens_revoked(&user.id, now).await?;
            }
            diesel::update(users::table.filter(present()).find(&user.id))
                .set((users::email_verified.eq(true), users::updated_at.eq(now)))
                .execute(conn)
                .await?;
            let detail = if revokes { json!({ "credentialsRevoked": true }) } else { json!({}) };
            let event =
                Event::of_user(&user.id, Action::EmailVerified, &client, now).with_detail(detail);
            conn.record_event(&event).await?;
            return Ok(Ok(Verified::Present));
        }
        conn.add_job(&notice(&user)).await?;
        conn.move_login_attempts(&user.email, &verification.email).await?;
        let user = diesel::update(users::table.filter(present()).find(&user.id))
            .set((
                users::email.eq(&verification.email),
                users::email_verified.eq(true),
                users::updated_at.eq(now),
            ))
            .returning(User::as_returning())
            .get_result(conn)
            .await?;
        conn.index_user(&user).await?;
        next_generation_tx!(conn, &user.id, session_generation, link_generation);
        if let Some(session_id) = &verification.session_id {
            conn.keep_session(&user.id, session_id).await?;
        }
        conn.remove_sessions(&user.id, now).await?;
        conn.remove_links(&user.id, now).await?;
        let event = Event::of_user(&user.id, Action::EmailChanged, &client, now);
        conn.record_event(&event).await?;
        Ok(Ok(Verified::Changed(Box::new(user))))
    })
}

/// Returns the email that a user has asked to change theirs to, while a link for it is valid or waits to be mailed.
/// `wanted_by` returns the email that a job mails such a link to, if it does.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn pending_change(
    store: &Store,
    user_id: String,
    wanted_by: impl Fn(&JobRow) -> Option<String> + Send + 'static,
    now: Timestamp,
) -> Result<Option<String>, Error> {
    let purpose: &'static str = Purpose::ChangeEmail.into();
    query!(store, |conn| {
        let newest: Option<(Verification, String)> = verifications::table
            .inner_join(users::table)
            .inner_join(generation::site())
            .filter(generation::link_is_current())
            .filter(verifications::user_id.eq(&user_id))
            .filter(verifications::purpose.eq(purpose))
            .filter(verifications::expires_at.gt(now))
            .order(verifications::number.desc())
            .select((Verification::as_select(), verifications::job_id))
            .limit(1)
            .get_result(conn)
            .await
            .optional()?;
        let waiting: Vec<JobRow> = jobs::table
            .filter(jobs::user_id.eq(&user_id))
            .filter(jobs::given_up_at.is_null())
            .order(jobs::id.desc())
            .select(JobRow::as_select())
            .load(conn)
            .await?;
        let waiting = waiting.iter().find_map(|job| Some((&job.id, wanted_by(job)?)));
        // The ids of jobs are in the order in which they were created.
        match (waiting, newest) {
            (Some((id, email)), newest) if newest.as_ref().is_none_or(|(_, of)| of < id) => {
                Ok(Some(email))
            }
            (_, Some((link, _)))
                if conn.session_is_valid(link.session_id.as_deref(), now).await? =>
            {
                Ok(Some(link.email))
            }
            _ => Ok(None),
        }
    })
}

/// Cancels the change of email that a user has requested: deletes its links, and its mails that have not been sent.
/// `wanted_by` recognizes the jobs of such mails, as in [`pending_change`].
///
/// # Errors
/// As every query: see [`Error`].
pub async fn cancel_change(
    store: &Store,
    user_id: String,
    wanted_by: impl Fn(&JobRow) -> Option<String> + Send + 'static,
) -> Result<(), Error> {
    let purpose: &'static str = Purpose::ChangeEmail.into();
    transaction!(store, |conn| {
        // A worker that is about to issue a link waits for this lock, and then finds its job deleted.
        conn.lock_user(&user_id).await?;
        diesel::delete(verifications::table)
            .filter(verifications::user_id.eq(&user_id))
            .filter(verifications::purpose.eq(purpose))
            .execute(conn)
            .await?;
        let waiting: Vec<JobRow> = jobs::table
            .filter(jobs::user_id.eq(&user_id))
            .select(JobRow::as_select())
            .load(conn)
            .await?;
        let mails: Vec<String> =
            waiting.into_iter().filter(|job| wanted_by(job).is_some()).map(|job| job.id).collect();
        diesel::delete(jobs::table.filter(jobs::id.eq_any(mails))).execute(conn).await?;
        Ok(())
    })
}
