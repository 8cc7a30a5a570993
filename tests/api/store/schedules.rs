//! Periodic jobs, which are added once for all instances together.

use futures_util::future::join_all;
use portcullis::{
    store::{jobs::NewJob, schedules::add_if_due},
    time::{Timestamp, days, seconds},
};

use super::isolated_store;
use crate::support::*;

const NAME: &str = "nightly";

#[apply(on_both_databases)]
async fn concurrent_instances_add_a_periodic_job_once_a_period(backend: Backend) {
    let (store, folder) = isolated_store(backend, &[]).await;
    let added = async |now: Timestamp| {
        let tries = (0..8).map(|_| {
            let job = NewJob::new(NAME, "{}".to_owned(), None, now);
            add_if_due(&store, NAME, days(1), job, now)
        });
        let results = join_all(tries).await;
        results.into_iter().filter(|result| *result.as_ref().unwrap()).count()
    };
    let start = Timestamp::from_micros(1_800_000_000_000_000);
    for (now, times) in [
        (start, 1),
        (start + seconds(1), 0),
        (start + days(1) - seconds(1), 0),
        (start + days(1), 1),
        // After an outage of several periods, once.
        (start + days(9), 1),
        (start + days(9) + seconds(1), 0),
        // The clock was set back: the next time is not days away, but a period.
        (start + days(2), 0),
        (start + days(3), 1),
    ] {
        assert_eq!(added(now).await, times, "{now}");
    }
    drop(folder);
}
