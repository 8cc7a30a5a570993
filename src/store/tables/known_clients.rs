//! The browsers and networks from which users have signed in. A sign-in from any other is reported to the user.
//!
//! The login throttle's `known_networks` is another table, although it looks alike. It is kept whatever the settings say of
//! clients, so it has only hashes; and it has a network only after a correct password or code, each by itself: a sign-in
//! by a mailed link must not exempt its network from the throttle of the password. This table has what the mail to the
//! user says, of sign-ins by any method, and a bounded number of rows.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    store::{schema::known_clients, statements},
    time::Timestamp,
};

/// How many are kept for each user: those that were used last.
pub(in crate::store) const MOST: u8 = 20;

/// What a user's sign-ins are compared by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownClient {
    /// The browser and operating system, without their versions: an update must not look like another browser.
    pub program: String,
    /// The network: an IPv4 address, or the /64 of an IPv6 address.
    pub network: String,
    /// The same as `program`, if it is a known browser: the name of another program is the client's own text.
    pub browser: Option<String>,
}

/// A row of `known_clients`.
#[derive(Insertable)]
#[diesel(table_name = known_clients)]
pub(in crate::store) struct NewKnownClient<'a> {
    pub user_id: &'a str,
    pub program: &'a str,
    pub network: &'a str,
    pub last_used_at: Timestamp,
}

statements! {
    /// Records clients, within a transaction that has locked the user.
    pub(in crate::store) trait NoteClient {
        /// Records that the user signs in from this client. Returns whether it is unlike all earlier ones; false for the
        /// first.
        async fn note_client(conn, user_id: &str, client: &KnownClient, now: Timestamp) -> bool {
            let key = (user_id, client.program.as_str(), client.network.as_str());
            let again = diesel::update(known_clients::table.find(key))
                .set(known_clients::last_used_at.eq(now))
                .execute(conn)
                .await?;
            if again == 1 {
                return Ok(false);
            }
            let new = NewKnownClient {
                user_id,
                program: &client.program,
                network: &client.network,
                last_used_at: now,
            };
            diesel::insert_into(known_clients::table).values(new).execute(conn).await?;
            let others: Vec<(String, String)> = known_clients::table
                .filter(known_clients::user_id.eq(user_id))
                .order(known_clients::last_used_at.desc())
                .select((known_clients::program, known_clients::network))
                .limit(i64::from(MOST) + 1)
                .load(conn)
                .await?;
            if let Some((program, network)) = others.get(usize::from(MOST)) {
                diesel::delete(known_clients::table.find((user_id, program, network)))
                    .execute(conn)
                    .await?;
            }
            Ok(others.len() > 1)
        }
    }
}
