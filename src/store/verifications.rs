//! Links that may be used once. Their secret is stored hashed; what a link does is done where that
//! is at home, by `redeem!`.

use diesel::{dsl::max, prelude::*};
use diesel_async::RunQueryDsl;
use strum::IntoStaticStr;

use super::{
    Error, Store,
    generation::{self, generation},
    locks::lock_user,
    page::new_id,
    query,
    schema::{jobs, users, verifications},
    transaction,
    users::{User, present},
};
use crate::{
    secrets::LinkHash,
    time::{Span, Timestamp, days},
};

/// A link whose time is over is remembered for this long, so that its holder can be told so.
pub const RETENTION: Span = days(1);

/// What a link lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Purpose {
    /// Choose a password.
    SetPassword,
    /// Show that mail to the user's address is read.
    VerifyEmail,
    /// Make the address that it was mailed to the user's.
    ChangeEmail,
    /// Delete the account.
    DeleteAccount,
}

/// A row of `verifications`, without its secret's hash.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = verifications)]
pub struct Verification {
    /// Which link.
    pub id: String,
    /// Whose.
    pub user_id: String,
    /// The [`Purpose`]'s name.
    pub purpose: String,
    /// Where it was mailed to.
    pub email: String,
    /// The session that asked for it and must live on, where that matters.
    pub session_id: Option<String>,
    /// From when it no longer works.
    pub expires_at: Timestamp,
}

/// A row of `verifications` to add.
#[derive(Clone, Insertable)]
#[diesel(table_name = verifications)]
pub struct NewVerification {
    #[diesel(skip_insertion)]
    does: Purpose,
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
    /// A link for this user, mailed to this address, that works for so long.
    #[must_use]
    pub fn new(
        purpose: Purpose,
        user_id: &str,
        email: &str,
        secret_hash: LinkHash,
        life: Span,
        now: Timestamp,
    ) -> Self {
        Self {
            does: purpose,
            id: new_id(),
            user_id: user_id.to_owned(),
            purpose: purpose.into(),
            secret_hash,
            email: email.to_owned(),
            session_id: None,
            job_id: String::new(),
            expires_at: now + life,
            created_at: now,
            number: 0,
        }
    }

    /// The same, asked for in this session and mailed by this job.
    #[must_use]
    pub fn asked_for(self, session_id: Option<String>, job_id: &str) -> Self {
        Self { session_id, job_id: job_id.to_owned(), ..self }
    }
}

/// Why a link does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkError {
    /// It was never made, has been used, or a newer one or a change has taken its place.
    Unknown,
    /// Its time is over.
    Expired,
    /// Its user is locked out. The link is not spent.
    Deactivated,
}

/// Makes a link work. False, and nothing is done, when there is no use for it any more: the user is
/// gone or locked out, their address another or verified already, the session that asked for it over, or the
/// job that mails it cancelled.
///
/// For a wanted email that another user has, it is false as well: nobody is to get the link. But it is stored, so
/// that its user sees the same pending change as for one that is free.
///
/// The job that mails it becomes its user's, so that it goes when they go.
///
/// # Errors
/// When the store is unavailable.
pub async fn issue(store: &Store, link: NewVerification) -> Result<bool, Error> {
    transaction!(store, |conn| {
        let Some(user) = lock_user!(conn, &link.user_id).filter(User::is_active) else {
            return Ok(false);
        };
        // Before all else that decides on it: a revocation that comes in between revokes this link too.
        let generation = generation!(conn, &user.id, link_generation);
        let others: i64 = users::table
            .filter(present())
            .filter(users::email.eq(&link.email))
            .filter(users::id.ne(&user.id))
            .count()
            .get_result(conn)
            .await?;
        let own = user.email == link.email;
        let wanted = match link.does {
            Purpose::ChangeEmail => !own,
            Purpose::VerifyEmail => own && !user.email_verified,
            Purpose::SetPassword | Purpose::DeleteAccount => own,
        };
        if !wanted || !asker_is_signed_in!(conn, &link.session_id, link.created_at) {
            return Ok(false);
        }
        let job = diesel::update(jobs::table.find(&link.job_id))
            .set(jobs::user_id.eq(&user.id))
            .execute(conn)
            .await?;
        if job == 0 && !link.job_id.is_empty() {
            return Ok(false);
        }
        // The user's row is locked, so no two links get one number.
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
        Ok(link.does != Purpose::ChangeEmail || others == 0)
    })
}

/// Ends the links that a mailed one takes the place of: older ones for the same purpose that another job mailed,
/// unless they were made to last longer and still do, as an invitation.
///
/// Which of two is older their numbers say. By the clock, which may have been set back in between, the older one
/// could be taken for the newer, or for one that lasts longer.
///
/// # Errors
/// When the store is unavailable.
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
        lock_user!(conn, &mailed.user_id);
        // Of two that were asked for at once, this may be the older one.
        let links: Vec<Dated> = verifications::table
            .filter(verifications::user_id.eq(&mailed.user_id))
            .filter(verifications::purpose.eq(&mailed.purpose))
            .order(verifications::number.desc())
            .select(Dated::as_select())
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

/// When a link was made and ends.
#[derive(Queryable, Selectable)]
#[diesel(table_name = verifications)]
struct Dated {
    id: String,
    job_id: String,
    expires_at: Timestamp,
    created_at: Timestamp,
}

impl Dated {
    /// Whether a link was made to last longer than another, and still does.
    fn outlasts(&self, other: &Self) -> bool {
        let life = |link: &Self| link.expires_at.micros().saturating_sub(link.created_at.micros());
        life(self) > life(other) && self.expires_at > other.expires_at
    }
}

/// Whether a link would work now; it is not spent.
///
/// # Errors
/// When the store is unavailable.
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

/// Whose link this is, in whatever state; it is not spent.
///
/// # Errors
/// When the store is unavailable.
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

/// Spends a link within a transaction: its user, locked, and its row, which is gone; or why not.
///
/// Of two who try at once, the second waits for the user's row, and then finds the link gone. An
/// address that has changed since it was mailed makes it nobody's, but for the one that changes it.
///
/// A macro, as the statements must be expanded for each backend.
macro_rules! redeem {
    ($conn:ident, $hash:expr, $purposes:expr, $now:expr) => {{
        let names: Vec<&'static str> = $purposes.iter().map(<&'static str>::from).collect();
        let held: Option<Verification> = verifications::table
            .inner_join($crate::store::schema::users::table)
            .inner_join($crate::store::generation::site())
            .filter($crate::store::generation::link_is_current())
            .filter(verifications::secret_hash.eq($hash))
            .filter(verifications::purpose.eq_any(names))
            .select(Verification::as_select())
            .get_result($conn)
            .await
            .optional()?;
        let user = match &held {
            Some(held) => $crate::store::locks::lock_user!($conn, &held.user_id),
            None => None,
        };
        match (held, user) {
            (Some(held), Some(user)) => match held.refusal(&user, $now) {
                Some(refused) => Err(refused),
                None if !$crate::store::verifications::asker_is_signed_in!(
                    $conn,
                    &held.session_id,
                    $now
                ) =>
                {
                    Err(LinkError::Unknown)
                }
                None => {
                    let spent =
                        diesel::delete(verifications::table.find(&held.id)).execute($conn).await?;
                    if spent == 1 { Ok((user, held)) } else { Err(LinkError::Unknown) }
                }
            },
            _ => Err(LinkError::Unknown),
        }
    }};
}

impl Verification {
    /// Whether it changes the address, and does not hang on the present one.
    #[must_use]
    pub fn changes_email(&self) -> bool {
        self.purpose == <&str>::from(Purpose::ChangeEmail)
    }

    /// Why it does nothing for this user, if it does nothing. Of a lock-out only a good link tells.
    pub(super) fn refusal(&self, user: &User, now: Timestamp) -> Option<LinkError> {
        if !self.changes_email() && self.email != user.email {
            Some(LinkError::Unknown)
        } else if self.expires_at <= now {
            Some(LinkError::Expired)
        } else if !user.is_active() {
            Some(LinkError::Deactivated)
        } else {
            None
        }
    }
}

/// Whether the session that asked for a link lives on, where one must: a change of address that a
/// thief has asked for ends with the session that is taken from them.
macro_rules! asker_is_signed_in {
    ($conn:ident, $session_id:expr, $now:expr) => {{
        use $crate::store::schema::sessions;
        match $session_id {
            None => true,
            Some(session_id) => {
                let live: i64 = sessions::table
                    .inner_join($crate::store::schema::users::table)
                    .inner_join($crate::store::generation::site())
                    .filter($crate::store::generation::session_is_current())
                    .filter(sessions::id.eq(session_id))
                    .filter(sessions::expires_at.gt($now))
                    .count()
                    .get_result($conn)
                    .await?;
                live == 1
            }
        }
    }};
}

/// Within a transaction that has just incremented a user's generation of links: removes the newest of those that
/// this revoked, and notes if there may be more.
macro_rules! remove_links {
    ($conn:ident, $user_id:expr, $now:expr) => {{
        use $crate::store::{
            generation::{FIRST_BATCH, generation},
            revocation_cleanup::{Kind, note_cleanup},
            schema::verifications,
        };
        let user_id: &str = $user_id;
        let generation = generation!($conn, user_id, link_generation);
        let newest: Vec<String> = verifications::table
            .filter(verifications::user_id.eq(user_id))
            .filter(verifications::generation.lt(generation))
            .select(verifications::id)
            .limit(i64::from(FIRST_BATCH))
            .load($conn)
            .await?;
        diesel::delete(verifications::table.filter(verifications::id.eq_any(&newest)))
            .execute($conn)
            .await?;
        if newest.len() >= usize::from(FIRST_BATCH) {
            note_cleanup!($conn, Kind::Links, Some(user_id), $now);
        }
    }};
}

pub(super) use {asker_is_signed_in, redeem, remove_links};
