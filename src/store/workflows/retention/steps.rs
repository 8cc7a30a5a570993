//! What retention deletes, table by table, and when.

use diesel::{prelude::*, sql_query, sql_types::BigInt};
use diesel_async::RunQueryDsl;

use super::{Step, leavers};
use crate::{
    store::{
        Error, Store,
        credentials::epoch::MANY,
        maintenance_transaction, query,
        schema::{
            activity, api_tokens, epoch, jobs, known_networks, login_attempts, passkey_ceremonies,
            provider_flows, rate_limits, sessions, setup_links, sign_in_challenges, sign_up_links,
            suspension_links, trusted_devices, used_id_tokens, used_links, verifications,
        },
        tables::{login_attempts as throttle, verifications::RETENTION},
        workflows::revocation_cleanup,
    },
    time::{Span, days, seconds},
};

/// How long an expired session is kept. The database's triggers ignore a session that expired an hour ago or more; the
/// second hour allows for clocks that differ.
pub const CERTAIN: Span = seconds(2 * 60 * 60);

/// How long a revoked or expired token stays in its owner's list.
const TOKEN_RETENTION: Span = days(30);

/// How long a job that was given up (a dead letter) is kept for an admin to look at.
const JOB_RETENTION: Span = days(30);

/// A step that deletes a table's rows when an indexed column reaches a certain time. In the order of that index, so
/// that the database stops after the last row of a batch.
macro_rules! by_time {
    ($rows:literal, $table:ident.$key:ident where $column:ident $before:ident |$due:ident| $moment:expr) => {
        Step {
            rows: $rows,
            found_by: (stringify!($table), stringify!($column)),
            by_clock: true,
            batch: |store, $due, limit| {
                Box::pin(async move {
                    let moment = $moment;
                    maintenance_transaction!(store, |conn| {
                        let old = diesel::alias!($table as old);
                        let batch = old
                            .filter(old.field($table::$column).$before(moment))
                            .order(old.field($table::$column))
                            .select(old.field($table::$key))
                            .limit(limit);
                        // Repeats the condition: of a composite primary key the subquery names only one column.
                        diesel::delete($table::table.filter($table::$key.eq_any(batch)))
                            .filter($table::$column.$before(moment))
                            .execute(conn)
                            .await
                    })
                })
            },
        }
    };
}

/// All steps, in the order in which they run.
pub const STEPS: &[Step] = &[
    Step {
        rows: "revoked credentials",
        found_by: ("revocation_cleanup", "id"),
        by_clock: false,
        batch: |store, _, limit| Box::pin(revocation_cleanup::run_batch(store, limit)),
    },
    Step {
        rows: "deleted accounts",
        found_by: ("users", "deleted_at"),
        by_clock: false,
        batch: |store, _, limit| Box::pin(leavers::batch(store, limit)),
    },
    by_time!("sessions", sessions.id where expires_at le |due| due.now - CERTAIN),
    by_time!("links", verifications.id where expires_at le |due| due.now - RETENTION),
    by_time!("setup links", setup_links.secret_hash where expires_at le |due| due.now),
    by_time!("sign-up links", sign_up_links.secret_hash where expires_at le |due| due.now),
    by_time!("suspension links", suspension_links.secret_hash where expires_at le |due| due.now),
    by_time!("used links", used_links.secret_hash where expires_at le |due| due.now),
    by_time!("sign-ins at a provider", provider_flows.state_hash where expires_at le |due| due.now),
    by_time!("used ID tokens", used_id_tokens.token_hash where expires_at le |due| due.now),
    by_time!("sign-ins without a second factor", sign_in_challenges.secret_hash where expires_at le |due| due.now),
    by_time!("passkey ceremonies", passkey_ceremonies.secret_hash where expires_at le |due| due.now),
    by_time!("trusted devices", trusted_devices.id where expires_at le |due| due.now),
    by_time!("rate limits", rate_limits.key where empty_at le |due| due.now),
    by_time!("failed sign-ins", login_attempts.account where last_at le |due| due.now - throttle::RETENTION),
    by_time!("known networks", known_networks.account where seen_at le |due| due.now - throttle::KNOWN),
    by_time!("jobs", jobs.id where given_up_at le |due| due.now - JOB_RETENTION),
    by_time!("revoked tokens", api_tokens.id where revoked_at le |due| due.now - TOKEN_RETENTION),
    by_time!("expired tokens", api_tokens.id where expires_at le |due| due.now - TOKEN_RETENTION),
    by_time!("activity", activity.id where created_at lt |due| due.now - due.keep_activity),
    Step {
        rows: "changes",
        found_by: ("changes", "number"),
        by_clock: false,
        batch: |store, _, limit| Box::pin(changes(store, limit)),
    },
];

/// Deletes log entries that no instance reads any more. Raw SQL, because Diesel cannot compare two columns with a
/// list.
async fn changes(store: &Store, limit: i64) -> Result<usize, Error> {
    let number: Option<i64> =
        query!(store, |conn| epoch::table.select(epoch::number).get_result(conn).await.optional())?;
    let old = number.unwrap_or(0).saturating_sub(MANY);
    maintenance_transaction!(store, |conn| sql_query(
        "DELETE FROM changes WHERE (number, concerns) IN (
            SELECT number, concerns FROM changes WHERE number <= $1
            ORDER BY number, concerns LIMIT $2)"
    )
    .bind::<BigInt, _>(old)
    .bind::<BigInt, _>(limit)
    .execute(conn)
    .await)
}
