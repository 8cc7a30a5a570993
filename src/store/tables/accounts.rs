//! Sign-in methods: a password, and accounts at identity providers.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::PasswordHash,
    store::{
        Error, Store,
        engine::{page::new_id, unreadable::OrEmpty},
        query,
        schema::{accounts, users},
        statements,
        tables::users::{User, present},
    },
    time::Timestamp,
};

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
    /// The identity provider's id; [`PASSWORD`] for a password.
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
    pub(in crate::store) id: String,
    pub(in crate::store) user_id: String,
    pub(in crate::store) provider_id: String,
    pub(in crate::store) account_id: String,
    pub(in crate::store) password_hash: Option<String>,
    created_at: Timestamp,
    pub(in crate::store) updated_at: Timestamp,
}

impl NewAccount {
    /// A password for a user.
    #[must_use]
    pub fn password(user_id: &str, hash: &PasswordHash, now: Timestamp) -> Self {
        Self {
            id: new_id(),
            user_id: user_id.to_owned(),
            provider_id: PASSWORD.to_owned(),
            account_id: user_id.to_owned(),
            password_hash: Some(hash.as_str().to_owned()),
            created_at: now,
            updated_at: now,
        }
    }

    /// An account at an identity provider, whose id for the user is `subject`.
    #[must_use]
    pub fn at_provider(user_id: &str, provider: &str, subject: &str, now: Timestamp) -> Self {
        Self {
            id: new_id(),
            user_id: user_id.to_owned(),
            provider_id: provider.to_owned(),
            account_id: subject.to_owned(),
            password_hash: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Within a transaction that has locked the user: links an account at a provider, unless it is linked already. Returns
/// the id of the user whose it is, and whether it is new.
#[cfg(feature = "providers")]
macro_rules! link_tx {
    ($conn:ident, $account:expr) => {{
        use $crate::store::{schema::accounts, tables::accounts::NewAccount};
        let account: &NewAccount = $account;
        let added = diesel::insert_into(accounts::table)
            .values(account)
            .on_conflict((accounts::provider_id, accounts::account_id))
            .do_nothing()
            .execute($conn)
            .await?;
        let owner: String = accounts::table
            .filter(accounts::provider_id.eq(&account.provider_id))
            .filter(accounts::account_id.eq(&account.account_id))
            .select(accounts::user_id)
            .get_result($conn)
            .await?;
        (owner, added == 1)
    }};
}

statements! {
    /// Reads passwords, within a transaction.
    pub(in crate::store) trait FindPassword {
        /// Returns the row of a user's password, if there is one.
        async fn find_password(conn, user_id: &str) -> Option<AccountHash> {
            accounts::table
                .filter(accounts::provider_id.eq(PASSWORD))
                .filter(accounts::account_id.eq(user_id))
                .select((accounts::id, accounts::password_hash))
                .get_result(conn)
                .await
                .optional()
        }
    }
}

#[cfg(feature = "providers")]
pub(in crate::store) use link_tx;

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
    let row = query!(store, |conn| conn.find_password(&user_id).await)?;
    Ok(row.and_then(password_account))
}

/// An account's id, and the hash of its password if it has one.
pub(in crate::store) type AccountHash = (String, Option<String>);

pub(in crate::store) fn password_account(
    (account_id, hash): AccountHash,
) -> Option<PasswordAccount> {
    Some(PasswordAccount { account_id, hash: PasswordHash::stored(hash?) })
}
