//! How people sign in. A password is one way; others will be further rows with their own provider.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    AdminCheckFailed, Error, Store,
    admin_write::admin_write,
    audit_events::Event,
    jobs::NewJob,
    page::new_id,
    query,
    schema::{accounts, jobs, users},
    transaction,
    unreadable::OrEmpty,
    user_search::{insert_user, insert_user_unless_taken},
    users::{User, find_in, present},
};
use crate::{secrets::PasswordHash, time::Timestamp};

/// The provider of a password, in the Better Auth protocol's word.
pub const PASSWORD: &str = "credential";

/// A row of `accounts`, without the password's hash.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Account {
    /// Which way in.
    pub id: String,
    /// Whose.
    pub user_id: String,
    /// Who vouches: [`PASSWORD`], as yet.
    #[diesel(deserialize_as = OrEmpty<String, accounts::provider_id>)]
    pub provider_id: String,
    /// Their id there; for a password the user's own.
    #[diesel(deserialize_as = OrEmpty<String, accounts::account_id>)]
    pub account_id: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A row of `accounts` to add.
#[derive(Insertable)]
#[diesel(table_name = accounts)]
pub struct NewAccount {
    pub(super) id: String,
    pub(super) user_id: String,
    provider_id: &'static str,
    account_id: String,
    pub(super) password_hash: Option<String>,
    created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl NewAccount {
    /// A password for a user.
    #[must_use]
    pub fn password(user_id: &str, hash: &PasswordHash, now: Timestamp) -> Self {
        Self {
            id: new_id(),
            user_id: user_id.to_owned(),
            provider_id: PASSWORD,
            account_id: user_id.to_owned(),
            password_hash: Some(hash.as_str().to_owned()),
            created_at: now,
            updated_at: now,
        }
    }
}

/// What comes with a new user besides their row.
pub struct CreateUserOptions {
    /// How they sign in, if that is known already.
    pub account: Option<NewAccount>,
    /// The mail that they are sent.
    pub mail: Option<NewJob>,
    /// What the audit log says of it.
    pub event: Event,
}

/// Adds a user, and what they begin with, by an admin, if they are still one, or the operator.
///
/// # Errors
/// [`Error::Violated`] when the address belongs to somebody.
pub async fn create_user(
    store: &Store,
    user: User,
    with: CreateUserOptions,
) -> Result<Result<User, AdminCheckFailed>, Error> {
    admin_write!(store, by with.event.actor_id.clone(), |conn| {
        let user = insert_user!(conn, &user);
        if let Some(account) = &with.account {
            diesel::insert_into(accounts::table).values(account).execute(conn).await?;
        }
        if let Some(mail) = &with.mail {
            diesel::insert_into(jobs::table).values(mail).execute(conn).await?;
        }
        Ok(Ok((with.event.clone(), user)))
    })
}

/// Adds a job that mails a user, by an admin, if they are still one. What is mailed depends on the user and on
/// whether they have a password; where no mail is of use to them, the reason is a [`AdminCheckFailed::NotNeeded`].
///
/// # Errors
/// When the store is unavailable.
pub async fn mail_as_admin(
    store: &Store,
    user_id: String,
    event: Event,
    mail: impl Fn(&User, bool) -> Result<NewJob, &'static str> + Send + 'static,
) -> Result<Result<(), AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        let Some(user) = find_in!(conn, &user_id) else { return Ok(Err(AdminCheckFailed::NotFound)) };
        let passwords: i64 = accounts::table
            .filter(accounts::provider_id.eq(PASSWORD))
            .filter(accounts::account_id.eq(&user_id))
            .filter(accounts::password_hash.is_not_null())
            .count()
            .get_result(conn)
            .await?;
        let job = match mail(&user, passwords > 0) {
            Ok(job) => job,
            Err(reason) => return Ok(Err(AdminCheckFailed::NotNeeded(reason))),
        };
        diesel::insert_into(jobs::table).values(&job).execute(conn).await?;
        Ok(Ok((event.clone(), ())))
    })
}

/// Adds a user who has yet to show that the address is theirs; where it belongs to somebody, writes
/// to them instead. Either is one transaction, so that the time it takes tells nobody which it was.
///
/// # Errors
/// When the store is unavailable.
pub async fn register(
    store: &Store,
    user: User,
    account: NewAccount,
    mails: Option<(NewJob, NewJob)>,
) -> Result<(), Error> {
    transaction!(store, |conn| {
        let added = insert_user_unless_taken!(conn, &user);
        if added {
            diesel::insert_into(accounts::table).values(&account).execute(conn).await?;
        } else {
            // As many round trips either way; this one finds nothing.
            diesel::delete(accounts::table.find(&account.id)).execute(conn).await?;
        }
        if let Some((welcome, already_here)) = &mails {
            let mail = if added { welcome } else { already_here };
            diesel::insert_into(jobs::table).values(mail).execute(conn).await?;
        }
        Ok(())
    })
}

/// The ways in which a user signs in, oldest first.
///
/// # Errors
/// When the store is unavailable.
pub async fn list(store: &Store, user_id: String) -> Result<Vec<Account>, Error> {
    query!(store, |conn| accounts::table
        .filter(accounts::user_id.eq(&user_id))
        .order(accounts::id)
        .select(Account::as_select())
        .load(conn)
        .await)
}

/// A user's password, as it was when it was read.
#[derive(Clone)]
pub struct PasswordAccount {
    /// The account's row.
    pub account_id: String,
    /// What the password is compared with.
    pub hash: PasswordHash,
}

/// The user with this address, and their password if they have one.
///
/// # Errors
/// When the store is unavailable.
pub async fn by_email(
    store: &Store,
    email: String,
) -> Result<Option<(User, Option<PasswordAccount>)>, Error> {
    let row: Option<(User, Option<Held>)> = query!(store, |conn| users::table
        .filter(present())
        .left_join(
            accounts::table
                .on(accounts::user_id.eq(users::id).and(accounts::provider_id.eq(PASSWORD)))
        )
        .filter(users::email.eq(&email))
        .select((User::as_select(), (accounts::id, accounts::password_hash).nullable()))
        .get_result(conn)
        .await
        .optional())?;
    Ok(row.map(|(user, account)| (user, account.and_then(password_account))))
}

/// A user's password, if they have one.
///
/// # Errors
/// When the store is unavailable.
pub async fn of_user(store: &Store, user_id: String) -> Result<Option<PasswordAccount>, Error> {
    let row = query!(store, |conn| accounts::table
        .filter(accounts::provider_id.eq(PASSWORD))
        .filter(accounts::account_id.eq(&user_id))
        .select((accounts::id, accounts::password_hash))
        .get_result(conn)
        .await
        .optional())?;
    Ok(row.and_then(password_account))
}

/// An account's id and its password's hash, if it has one.
type Held = (String, Option<String>);

fn password_account((account_id, hash): Held) -> Option<PasswordAccount> {
    Some(PasswordAccount { account_id, hash: PasswordHash::stored(hash?) })
}
