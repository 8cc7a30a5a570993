//! Periodic jobs: when each is due next. Whichever instance first sees that one is due adds the job, and sets the
//! next time in the same transaction, so that it is added once.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    store::{Error, Store, add_job, query, schema::schedules, tables::jobs::NewJob, transaction},
    time::{Span, Timestamp},
};

/// Adds the job of a schedule if it is due: `period` after the last time, or now if there was none. Returns whether it was.
///
/// # Errors
/// As every query: see [`Error`].
pub async fn add_if_due(
    store: &Store,
    name: &'static str,
    period: Span,
    job: NewJob,
    now: Timestamp,
) -> Result<bool, Error> {
    let due_at: Option<Timestamp> = query!(store, |conn| schedules::table
        .find(name)
        .select(schedules::due_at)
        .get_result(conn)
        .await
        .optional())?;
    let next = now + period;
    // After the clock was set back, the time may be further away than a period.
    let is_due = due_at.is_none_or(|due_at| due_at <= now || due_at > next);
    if !is_due {
        return Ok(false);
    }
    transaction!(store, |conn| {
        let moved = match due_at {
            None => {
                diesel::insert_into(schedules::table)
                    .values((schedules::name.eq(name), schedules::due_at.eq(next)))
                    .on_conflict_do_nothing()
                    .execute(conn)
                    .await?
            }
            Some(due_at) => {
                diesel::update(schedules::table.find(name))
                    .filter(schedules::due_at.eq(due_at))
                    .set(schedules::due_at.eq(next))
                    .execute(conn)
                    .await?
            }
        };
        if moved == 1 && due_at.is_none_or(|due_at| due_at <= now) {
            add_job!(conn, job.clone());
            return Ok(true);
        }
        Ok(false)
    })
}
