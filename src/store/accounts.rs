//! Sign-in methods. A password is one; others will be further rows with a provider of their own.

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

/// The provider of a password, as the Better Auth protocol names it.
pub const PASSWORD: &str = "credential";

/// A row of `accounts`, without the password's hash.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// The user's id.
    pub user_id: String,
    /// The identity provider: only [`PASSWORD`] so far.
    #[diesel(deserialize_as = OrEmpty<String, accounts::provider_id>)]
    pub provider_id: String,
    /// The user's id at the provider; for a password, the user's own id.
    #[diesel(deserialize_as = OrEmpty<String, accounts::account_id>)]
    pub account_id: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A row of `accounts` to insert.
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

/// Reads the row of a user's password, if there is one. A macro, as it must be expanded for each backend.
macro_rules! password_in {
    ($conn:ident, $user_id:expr) => {
        accounts::table
            .filter(accounts::provider_id.eq(PASSWORD))
            .filter(accounts::account_id.eq($user_id))
            .select((accounts::id, accounts::password_hash))
            .get_result::<AccountHash>($conn)
            .await
            .optional()?
    };
}

/// What is inserted together with a new user.
pub struct CreateUserOptions {
    /// The sign-in method, if it is known already.
    pub account: Option<NewAccount>,
    /// The mail to the user.
    pub mail: Option<NewJob>,
    /// The event for the audit log.
    pub event: Event,
}

/// Inserts a user with these options, for an admin who still is one, or the operator.
///
/// # Errors
/// [`Error::Violated`] when another user has the email.
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

/// Adds a job that mails a user, for an admin who still is one. `mail` builds it from the user and whether they have a
/// password; if no mail would be useful, its reason becomes an [`AdminCheckFailed::NotNeeded`].
///
/// # Errors
/// As every query: see [`Error`].
pub async fn mail_as_admin(
    store: &Store,
    user_id: String,
    event: Event,
    mail: impl Fn(&User, bool) -> Result<NewJob, &'static str> + Send + 'static,
) -> Result<Result<(), AdminCheckFailed>, Error> {
    admin_write!(store, by event.actor_id.clone(), |conn| {
        let Some(user) = find_in!(conn, &user_id) else { return Ok(Err(AdminCheckFailed::NotFound)) };
        let has_password = password_in!(conn, &user_id).and_then(password_account).is_some();
        let job = match mail(&user, has_password) {
            Ok(job) => job,
            Err(reason) => return Ok(Err(AdminCheckFailed::NotNeeded(reason))),
        };
        diesel::insert_into(jobs::table).values(&job).execute(conn).await?;
        Ok(Ok((event.clone(), ())))
    })
}

/// Inserts a user who has yet to confirm the email; if another user has it, sends a mail to them instead. Both are one
/// transaction of the same steps, so that timing does not reveal which it was (user enumeration).
///
/// # Errors
/// As every query: see [`Error`].
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
            // The same number of round trips as the other branch; this statement matches no row.
            diesel::delete(accounts::table.find(&account.id)).execute(conn).await?;
        }
        if let Some((welcome, already_here)) = &mails {
            let mail = if added { welcome } else { already_here };
            diesel::insert_into(jobs::table).values(mail).execute(conn).await?;
        }
        Ok(())
    })
}

/// Returns a user's sign-in methods, oldest first.
///
/// # Errors
/// As every query: see [`Error`].
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
    /// The id of the account's row.
    pub account_id: String,
    /// The hash that a password is compared with.
    pub hash: PasswordHash,
}

/// Returns the user with this email, and their password if they have one.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn by_email(
    store: &Store,
    email: String,
) -> Result<Option<(User, Option<PasswordAccount>)>, Error> {
    let row: Option<(User, Option<AccountHash>)> = query!(store, |conn| users::table
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

/// Returns a user's password, if they have one.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn of_user(store: &Store, user_id: String) -> Result<Option<PasswordAccount>, Error> {
    let row = query!(store, |conn| Ok(password_in!(conn, &user_id)))?;
    Ok(row.and_then(password_account))
}

/// An account's id, and the hash of its password if it has one.
type AccountHash = (String, Option<String>);

fn password_account((account_id, hash): AccountHash) -> Option<PasswordAccount> {
    Some(PasswordAccount { account_id, hash: PasswordHash::stored(hash?) })
}
