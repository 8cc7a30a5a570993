//! How people sign in. A password is one way; others will be further rows with their own provider.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{
    Error, Store,
    audit_events::Event,
    page::new_id,
    read,
    schema::{accounts, audit_events, sessions, users, verifications},
    users::User,
    verifications::NewVerification,
    write,
};
use crate::{secrets::PasswordHash, time::Timestamp};

/// The provider of a password, in the Better Auth protocol's word.
pub const PASSWORD: &str = "credential";

/// A row of `accounts` to add.
#[derive(Insertable)]
#[diesel(table_name = accounts)]
pub struct NewAccount {
    id: String,
    user_id: String,
    provider_id: &'static str,
    account_id: String,
    password_hash: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
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
pub struct Opening {
    /// How they sign in, if that is known already.
    pub account: Option<NewAccount>,
    /// A link by which they choose a password.
    pub link: Option<NewVerification>,
    /// What the audit log says of it.
    pub event: Option<Event>,
}

/// Adds a user, and what they begin with.
///
/// # Errors
/// [`Error::Taken`] when the address belongs to somebody.
pub async fn open(store: &Store, user: User, with: Opening) -> Result<User, Error> {
    write!(store, |conn| {
        let user = diesel::insert_into(users::table)
            .values(&user)
            .returning(User::as_returning())
            .get_result(conn)
            .await?;
        if let Some(account) = &with.account {
            diesel::insert_into(accounts::table).values(account).execute(conn).await?;
        }
        if let Some(link) = &with.link {
            diesel::insert_into(verifications::table).values(link).execute(conn).await?;
        }
        if let Some(event) = &with.event {
            diesel::insert_into(audit_events::table).values(event).execute(conn).await?;
        }
        Ok(user)
    })
}

/// A user's password, as it was when it was read.
#[derive(Clone)]
pub struct Credential {
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
) -> Result<Option<(User, Option<Credential>)>, Error> {
    let row: Option<(User, Option<Account>)> = read!(store, |conn| users::table
        .left_join(
            accounts::table
                .on(accounts::user_id.eq(users::id).and(accounts::provider_id.eq(PASSWORD)))
        )
        .filter(users::email.eq(&email))
        .select((User::as_select(), (accounts::id, accounts::password_hash).nullable()))
        .get_result(conn)
        .await
        .optional())?;
    Ok(row.map(|(user, account)| (user, account.and_then(credential))))
}

/// A user's password, if they have one.
///
/// # Errors
/// When the store is unavailable.
pub async fn of_user(store: &Store, user_id: String) -> Result<Option<Credential>, Error> {
    let row = read!(store, |conn| accounts::table
        .filter(accounts::provider_id.eq(PASSWORD))
        .filter(accounts::account_id.eq(&user_id))
        .select((accounts::id, accounts::password_hash))
        .get_result(conn)
        .await
        .optional())?;
    Ok(row.and_then(credential))
}

/// An account's id and its password's hash, if it has one.
type Account = (String, Option<String>);

fn credential((account_id, hash): Account) -> Option<Credential> {
    Some(Credential { account_id, hash: PasswordHash::stored(hash?) })
}

/// Sets a password by the operator's hand: every session ends, and so does every link out there.
///
/// A deactivated user stays deactivated.
///
/// # Errors
/// When the store is unavailable.
pub async fn set_password(store: &Store, account: NewAccount, event: Event) -> Result<(), Error> {
    write!(store, |conn| {
        diesel::update(users::table.find(&account.user_id))
            .set(users::updated_at.eq(account.updated_at))
            .execute(conn)
            .await?;
        diesel::insert_into(accounts::table)
            .values(&account)
            .on_conflict((accounts::provider_id, accounts::account_id))
            .do_update()
            .set((
                accounts::password_hash.eq(&account.password_hash),
                accounts::updated_at.eq(account.updated_at),
            ))
            .execute(conn)
            .await?;
        diesel::delete(sessions::table.filter(sessions::user_id.eq(&account.user_id)))
            .execute(conn)
            .await?;
        diesel::delete(verifications::table.filter(verifications::user_id.eq(&account.user_id)))
            .execute(conn)
            .await?;
        diesel::insert_into(audit_events::table).values(&event).execute(conn).await?;
        Ok(())
    })
}

/// Redeems a link: its holder has chosen a password. Of two who try at once, one succeeds.
///
/// Every other link of that user dies with it, and every session. Whoever is deactivated stays so.
///
/// # Errors
/// When the store is unavailable.
pub async fn redeem_password_link(
    store: &Store,
    link: crate::secrets::LinkHash,
    hash: PasswordHash,
    now: Timestamp,
) -> Result<bool, Error> {
    write!(store, |conn| {
        let user_id: Option<String> = verifications::table
            .filter(verifications::secret_hash.eq(link))
            .select(verifications::user_id)
            .get_result(conn)
            .await
            .optional()?;
        let Some(user_id) = user_id else { return Ok(false) };
        diesel::update(users::table.find(&user_id))
            .set(users::updated_at.eq(now))
            .execute(conn)
            .await?;
        let redeemed = diesel::delete(verifications::table)
            .filter(verifications::secret_hash.eq(link))
            .filter(verifications::purpose.eq(super::verifications::SET_PASSWORD))
            .filter(verifications::expires_at.gt(now))
            .execute(conn)
            .await?;
        if redeemed == 0 {
            return Ok(false);
        }
        let account = NewAccount::password(&user_id, &hash, now);
        diesel::insert_into(accounts::table)
            .values(&account)
            .on_conflict((accounts::provider_id, accounts::account_id))
            .do_update()
            .set((accounts::password_hash.eq(&account.password_hash), accounts::updated_at.eq(now)))
            .execute(conn)
            .await?;
        diesel::delete(verifications::table.filter(verifications::user_id.eq(&user_id)))
            .execute(conn)
            .await?;
        diesel::delete(sessions::table.filter(sessions::user_id.eq(&user_id)))
            .execute(conn)
            .await?;
        Ok(true)
    })
}
