//! Mailed links that create an account when they are used. No row of `users` exists until then, so that a stranger's
//! request leaves nothing behind.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    secrets::LinkHash,
    store::{Error, Store, schema::sign_up_links, statements, transaction},
    time::Timestamp,
};

/// A row of `sign_up_links`.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sign_up_links)]
pub struct SignUpLink {
    /// The hash of its secret.
    pub secret_hash: LinkHash,
    /// The email that it was mailed to.
    pub email: String,
    /// The name of the user that it creates.
    pub name: String,
    /// The job that mails it.
    pub job_id: String,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Issues a link, i.e. makes it valid.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn issue(store: &Store, link: SignUpLink) -> Result<(), Error> {
    transaction!(store, |conn| {
        diesel::insert_into(sign_up_links::table).values(&link).execute(conn).await?;
        Ok(())
    })
}

/// Deletes the links to an email that the one of this job supersedes: those of older jobs.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn supersede(store: &Store, email: String, job_id: String) -> Result<(), Error> {
    transaction!(store, |conn| {
        diesel::delete(sign_up_links::table.filter(sign_up_links::email.eq(&email)))
            .filter(sign_up_links::job_id.lt(&job_id))
            .execute(conn)
            .await?;
        Ok(())
    })
}

statements! {
    /// The use of a link, within a transaction.
    pub(in crate::store) trait SpendSignUpLink {
        /// Spends a link, and every other link to its email. Returns nothing if it is unknown or has expired.
        async fn spend_sign_up_link(conn, secret_hash: LinkHash, now: Timestamp) -> Option<SignUpLink> {
            let link: Option<SignUpLink> = diesel::delete(sign_up_links::table.find(secret_hash))
                .filter(sign_up_links::expires_at.gt(now))
                .returning(SignUpLink::as_returning())
                .get_result(conn)
                .await
                .optional()?;
            if let Some(link) = &link {
                diesel::delete(sign_up_links::table.filter(sign_up_links::email.eq(&link.email)))
                    .execute(conn)
                    .await?;
            }
            Ok(link)
        }
    }
}
