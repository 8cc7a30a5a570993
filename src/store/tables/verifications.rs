//! One-time links that are sent by mail. The database stores a hash of their secret. Each operation that a link allows
//! redeems it with `redeem_tx!`, in its own module.

pub(in crate::store) mod used_links;

use diesel::{dsl::max, prelude::*};
use diesel_async::RunQueryDsl;
use strum::IntoStaticStr;

use crate::{
    secrets::LinkHash,
    store::{
        Error, Store,
        engine::page::new_id,
        query,
        schema::{jobs, sessions, users, verifications},
        statements,
        tables::{
            generation::{self, FIRST_BATCH, Generations},
            locks::Locks,
            revocation_cleanup::{AddCleanup, Kind},
            users::{User, present},
        },
        transaction,
    },
    time::{Span, Timestamp, days},
};

/// How long an expired link is kept, so that its holder can be told that it has expired.
pub const RETENTION: Span = days(1);

/// What a link allows its holder to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Purpose {
    /// Set a password.
    SetPassword,
    /// Confirm that mail to the user's email is read.
    VerifyEmail,
    /// Change the user's email to the one that the link was mailed to.
    ChangeEmail,
    /// Delete account.
    DeleteAccount,
    /// Sign in.
    SignIn,
    /// Restore suspended access, where passwords are not used.
    RestoreAccess,
}

impl Purpose {
    /// Those that restore suspended access.
    pub const RESTORING: [Self; 2] = [Self::SetPassword, Self::RestoreAccess];
}

/// A row of `verifications`, without the hash of its secret.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = verifications)]
pub struct Verification {
    /// Its id.
    pub id: String,
    /// The user's id.
    pub user_id: String,
    /// The name of the [`Purpose`].
    pub purpose: String,
    /// The email that it was mailed to.
    pub email: String,
    /// The session in which it was requested, if that session must still be valid.
    pub session_id: Option<String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// A row of `verifications` to insert.
#[derive(Clone, Insertable)]
#[diesel(table_name = verifications)]
pub struct NewVerification {
    #[diesel(skip_insertion)]
    kind: Purpose,
    id: String,
    user_id: String,
    purpose: &'static str,
    secret_hash: LinkHash,
    email: String,
    session_id: Option<String>,
    job_id: String,
    expires_at: Timestamp,
    created_at: Timestamp,
    number: i64,
}

impl NewVerification {
    /// A link for this user, mailed to this email, that is valid for `lifetime`.
    #[must_use]
    pub fn new(
        purpose: Purpose,
        user_id: &str,
        email: &str,
        secret_hash: LinkHash,
        lifetime: Span,
        now: Timestamp,
    ) -> Self {
        Self {
            kind: purpose,
            id: new_id(),
            user_id: user_id.to_owned(),
            purpose: purpose.into(),
            secret_hash,
            email: email.to_owned(),
            session_id: None,
            job_id: String::new(),
            expires_at: now + lifetime,
            created_at: now,
            number: 0,
        }
    }

    /// The same link, requested in this session and mailed by this job.
    #[must_use]
    pub fn asked_for(self, session_id: Option<String>, job_id: &str) -> Self {
        Self { session_id, job_id: job_id.to_owned(), ..self }
    }
}

/// Why a link is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkError {
    /// It was never issued, has been used, or was superseded by a newer link or a change.
    Unknown,
    /// It has expired.
    Expired,
    /// Its user is deactivated. The link is not spent.
    Deactivated,
    /// Its user's access is suspended, and the link does not restore it.
    Suspended,
}

/// Issues a link, i.e. makes it valid. Returns false, and does nothing, when it is no longer useful: the user is
/// deleted or deactivated, their email differs or is already confirmed, the session that requested the link is no
/// longer valid, or the job that mails it was cancelled.
///
/// Also returns false for a requested email that another user has, because the link must not be mailed. But the link
/// is stored, so that its user sees the same pending change as for an email that is free.
///
/// The job that mails it is assigned to its user, so that it is deleted together with them.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn issue(store: &Store, link: NewVerification) -> Result<bool, Error> {
    transaction!(store, |conn| {
        let Some(user) = conn.lock_user(&link.user_id).await? else { return Ok(false) };
        if usable_by(&user, Purpose::RESTORING.contains(&link.kind)).is_err() {
            return Ok(false);
        }
        // Read before anything else that decides on the link: a revocation in between revokes this link too.
        let generation = conn.link_generation(&user.id).await?;
        let others: i64 = users::table
            .filter(present())
            .filter(users::email.eq(&link.email))
            .filter(users::id.ne(&user.id))
            .count()
            .get_result(conn)
            .await?;
        let own = user.email == link.email;
        let wanted = match link.kind {
            Purpose::ChangeEmail => !own,
            Purpose::VerifyEmail => own && !user.email_verified,
            Purpose::SetPassword | Purpose::DeleteAccount | Purpose::SignIn => own,
            Purpose::RestoreAccess => own && user.suspended_at.is_some(),
        };
        if !wanted || !conn.session_is_valid(link.session_id.as_deref(), link.created_at).await? {
            return Ok(false);
        }
        let job = diesel::update(jobs::table.find(&link.job_id))
            .set(jobs::user_id.eq(&user.id))
            .execute(conn)
            .await?;
        if job == 0 && !link.job_id.is_empty() {
            return Ok(false);
        }
        // The user's row is locked, so no two links get the same number.
        let last: Option<i64> = verifications::table
            .filter(verifications::user_id.eq(&user.id))
            .select(max(verifications::number))
            .get_result(conn)
            .await?;
        let link = NewVerification { number: last.unwrap_or(0) + 1, ..link.clone() };
        diesel::insert_into(verifications::table)
            .values((&link, verifications::generation.eq(generation)))
            .execute(conn)
            .await?;
        Ok(link.kind != Purpose::ChangeEmail || others == 0)
    })
}

/// Deletes the links that a mailed one supersedes: older ones for the same purpose that another job mailed, unless
/// they were issued for a longer lifetime and still expire later, such as an invitation.
///
/// Their numbers, not the clock, decide which of two is older: if the clock was set back in between, it could take the
/// older link for the newer, or for one that lasts longer.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn supersede(store: &Store, job_id: String) -> Result<(), Error> {
    transaction!(store, |conn| {
        let mailed: Option<Verification> = verifications::table
            .filter(verifications::job_id.eq(&job_id))
            .select(Verification::as_select())
            .limit(1)
            .get_result(conn)
            .await
            .optional()?;
        let Some(mailed) = mailed else { return Ok(()) };
        conn.lock_user(&mailed.user_id).await?;
        // Of two links that were requested concurrently, this may be the older.
        let links: Vec<LinkTimes> = verifications::table
            .filter(verifications::user_id.eq(&mailed.user_id))
            .filter(verifications::purpose.eq(&mailed.purpose))
            .order(verifications::number.desc())
            .select(LinkTimes::as_select())
            .load(conn)
            .await?;
        let Some((newest, older)) = links.split_first() else { return Ok(()) };
        let ended: Vec<&str> = older
            .iter()
            .filter(|link| link.job_id != newest.job_id && !link.outlasts(newest))
            .map(|link| link.id.as_str())
            .collect();
        diesel::delete(verifications::table.filter(verifications::id.eq_any(ended)))
            .execute(conn)
            .await?;
        Ok(())
    })
}

/// When a link was issued and expires.
#[derive(Queryable, Selectable)]
#[diesel(table_name = verifications)]
struct LinkTimes {
    id: String,
    job_id: String,
    expires_at: Timestamp,
    created_at: Timestamp,
}

impl LinkTimes {
    /// Whether a link was issued for a longer lifetime than another, and expires later.
    fn outlasts(&self, other: &Self) -> bool {
        let lifetime =
            |link: &Self| link.expires_at.micros().saturating_sub(link.created_at.micros());
        lifetime(self) > lifetime(other) && self.expires_at > other.expires_at
    }
}

/// Whether a link would be accepted now; does not spend it.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn is_live(
    store: &Store,
    hash: LinkHash,
    purpose: Purpose,
    now: Timestamp,
) -> Result<bool, Error> {
    let purpose: &'static str = purpose.into();
    let live: i64 = query!(store, |conn| verifications::table
        .inner_join(users::table)
        .inner_join(generation::site())
        .filter(generation::link_is_current())
        .filter(verifications::secret_hash.eq(hash))
        .filter(verifications::purpose.eq(purpose))
        .filter(verifications::email.eq(users::email))
        .filter(verifications::expires_at.gt(now))
        .count()
        .get_result(conn)
        .await)?;
    Ok(live == 1)
}

/// Returns the user of a link, in whatever state it is; does not spend it.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn holder(
    store: &Store,
    hash: LinkHash,
    purpose: Purpose,
) -> Result<Option<User>, Error> {
    let purpose: &'static str = purpose.into();
    query!(store, |conn| verifications::table
        .inner_join(users::table)
        .inner_join(generation::site())
        .filter(generation::link_is_current())
        .filter(verifications::secret_hash.eq(hash))
        .filter(verifications::purpose.eq(purpose))
        .select(User::as_select())
        .get_result(conn)
        .await
        .optional())
}

statements! {
    /// The use and the revocation of links, within a transaction.
    pub(in crate::store) trait RedeemLinks {
        /// Redeems a link: returns its user, locked, and its row, which is deleted; or why it is rejected.
        ///
        /// Of two concurrent attempts, the second waits for the user's row, and then finds the link deleted. If the user's
        /// email has changed since a link was mailed, the link is not valid any more, unless it is the one that changes the
        /// email.
        async fn redeem(
            conn,
            hash: LinkHash,
            purposes: &[Purpose],
            now: Timestamp
        ) -> Result<(User, Verification), LinkError> {
            let names: Vec<&'static str> = purposes.iter().map(<&'static str>::from).collect();
            let verification: Option<Verification> = verifications::table
                .inner_join(users::table)
                .inner_join(generation::site())
                .filter(generation::link_is_current())
                .filter(verifications::secret_hash.eq(hash))
                .filter(verifications::purpose.eq_any(names))
                .select(Verification::as_select())
                .get_result(conn)
                .await
                .optional()?;
            let Some(verification) = verification else { return Ok(Err(LinkError::Unknown)) };
            let Some(user) = conn.lock_user(&verification.user_id).await? else {
                return Ok(Err(LinkError::Unknown));
            };
            if let Some(refused) = verification.refusal(&user, now) {
                return Ok(Err(refused));
            }
            if !conn.session_is_valid(verification.session_id.as_deref(), now).await? {
                return Ok(Err(LinkError::Unknown));
            }
            let spent =
                diesel::delete(verifications::table.find(&verification.id)).execute(conn).await?;
            Ok(if spent == 1 { Ok((user, verification)) } else { Err(LinkError::Unknown) })
        }

        /// Returns whether the session that requested a link is still valid, where that is required: a change of email that
        /// a thief has requested ends when the stolen session is revoked.
        async fn session_is_valid(conn, session_id: Option<&str>, now: Timestamp) -> bool {
            let Some(session_id) = session_id else { return Ok(true) };
            let live: i64 = sessions::table
                .inner_join(users::table)
                .inner_join(generation::site())
                .filter(generation::session_is_current())
                .filter(sessions::id.eq(session_id))
                .filter(sessions::expires_at.gt(now))
                .count()
                .get_result(conn)
                .await?;
            Ok(live == 1)
        }

        /// Deletes the newest of the links that were revoked by incrementing their user's link generation just before, and
        /// records if there may be more.
        async fn remove_links(conn, user_id: &str, now: Timestamp) -> () {
            let generation = conn.link_generation(user_id).await?;
            let newest: Vec<String> = verifications::table
                .filter(verifications::user_id.eq(user_id))
                .filter(verifications::generation.lt(generation))
                .select(verifications::id)
                .limit(i64::from(FIRST_BATCH))
                .load(conn)
                .await?;
            diesel::delete(verifications::table.filter(verifications::id.eq_any(&newest)))
                .execute(conn)
                .await?;
            if newest.len() >= usize::from(FIRST_BATCH) {
                conn.add_cleanup(Kind::Links, Some(user_id), now).await?;
            }
            Ok(())
        }
    }
}

/// Checks that a link is of use to a user. While access is suspended, only one that restores it is.
fn usable_by(user: &User, restores: bool) -> Result<(), LinkError> {
    if user.is_deactivated() {
        Err(LinkError::Deactivated)
    } else if user.suspended_at.is_some() && !restores {
        Err(LinkError::Suspended)
    } else {
        Ok(())
    }
}

impl Verification {
    /// Whether it changes the email, and so does not depend on the current one.
    #[must_use]
    pub fn changes_email(&self) -> bool {
        self.purpose == <&str>::from(Purpose::ChangeEmail)
    }

    /// Why it is rejected for this user, if it is. Only a link that is otherwise valid reveals that the user is
    /// deactivated.
    pub(in crate::store) fn refusal(&self, user: &User, now: Timestamp) -> Option<LinkError> {
        if !self.changes_email() && self.email != user.email {
            Some(LinkError::Unknown)
        } else if self.expires_at <= now {
            Some(LinkError::Expired)
        } else {
            let restoring = Purpose::RESTORING.map(<&str>::from);
            usable_by(user, restoring.contains(&self.purpose.as_str())).err()
        }
    }
}
