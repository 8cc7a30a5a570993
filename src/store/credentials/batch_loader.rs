//! Batched lookups on PostgreSQL (the DataLoader pattern): concurrent lookups share one statement. Lookups that arrive
//! while two statements are in flight go into the next one. Most of what a lookup costs PostgreSQL is the statement,
//! not the row.
//!
//! No caller receives a result that was read before it asked: a statement begins after all lookups that share it were
//! enqueued.

use std::{
    collections::HashMap,
    slice,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{StreamExt, TryFutureExt, stream};
use tokio::sync::{
    mpsc::{self, UnboundedReceiver, UnboundedSender, error::SendError},
    oneshot,
};

use super::credential::{Credential, Found};
use crate::store::{Error, engine::postgres::Pipeline};

/// The most lookups in one statement, so that no caller waits for the rows of very many others.
const MAX_BATCH: usize = 64;

/// The most statements in flight: PostgreSQL works on one while the results of the other are used.
const MAX_IN_FLIGHT: usize = 2;

/// A lookup that waits for its result.
struct PendingLookup<T: Credential> {
    hash: T::Hash,
    answer: oneshot::Sender<Result<Option<Arc<Found<T>>>, Error>>,
}

/// The queue of lookups of one kind of credential.
pub(super) struct BatchLoader<T: Credential>(Mutex<UnboundedSender<PendingLookup<T>>>);

impl<T: Credential> Default for BatchLoader<T> {
    fn default() -> Self {
        let (queue, _receiver) = mpsc::unbounded_channel();
        Self(Mutex::new(queue))
    }
}

impl<T: Credential> BatchLoader<T> {
    /// Returns the credential with this hash.
    pub(super) async fn load(
        &self,
        hash: T::Hash,
        pipeline: &Arc<Pipeline>,
    ) -> Result<Option<Found<T>>, Error> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(PendingLookup { hash, answer }, pipeline);
        let dropped = |_| Err(Error::unavailable("a lookup was abandoned"));
        let found = pipeline.in_time(answered.unwrap_or_else(dropped)).await?;
        // Another caller rarely asked for the same credential, so this rarely clones.
        Ok(found.map(Arc::unwrap_or_clone))
    }

    /// Adds a lookup to the queue. If no task serves the queue, because none was started yet or the last one panicked,
    /// this starts one on the current thread's runtime.
    fn enqueue(&self, lookup: PendingLookup<T>, pipeline: &Arc<Pipeline>) {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(SendError(lookup)) = queue.send(lookup) {
            let (new, lookups) = mpsc::unbounded_channel();
            *queue = new;
            let _ = queue.send(lookup);
            tokio::spawn(serve(lookups, pipeline.clone()));
        }
    }
}

async fn serve<T: Credential>(
    mut queue: UnboundedReceiver<PendingLookup<T>>,
    pipeline: Arc<Pipeline>,
) {
    stream::poll_fn(|cx| queue.poll_recv(cx))
        .ready_chunks(MAX_BATCH)
        .for_each_concurrent(MAX_IN_FLIGHT, |lookups| answer(lookups, &pipeline))
        .await;
}

async fn answer<T: Credential>(mut lookups: Vec<PendingLookup<T>>, pipeline: &Pipeline) {
    lookups.retain(|lookup| !lookup.answer.is_closed());
    if lookups.is_empty() {
        return;
    }
    match find(&lookups, pipeline).await {
        // One row may be the cause, such as one on a damaged page: look each up alone, so that the others succeed.
        Err(Error::Bug { .. }) if lookups.len() > 1 => {
            for lookup in lookups {
                let found = find(slice::from_ref(&lookup), pipeline).await;
                send_results([lookup], &found);
            }
        }
        found => send_results(lookups, &found),
    }
}

fn send_results<T: Credential>(
    lookups: impl IntoIterator<Item = PendingLookup<T>>,
    found: &Result<Rows<T>, Error>,
) {
    for PendingLookup { hash, answer, .. } in lookups {
        let key = found.as_ref().map(|found| found.get(&hash).cloned()).map_err(Clone::clone);
        // The caller may have stopped waiting, which is no error.
        let _ = answer.send(key);
    }
}

/// The rows that one statement returned.
type Rows<T> = HashMap<<T as Credential>::Hash, Arc<Found<T>>>;

async fn find<T: Credential>(
    lookups: &[PendingLookup<T>],
    pipeline: &Pipeline,
) -> Result<Rows<T>, Error> {
    let hashes: Vec<_> = lookups.iter().map(|lookup| lookup.hash).collect();
    let read = |connection| {
        let rows = T::find_all(connection, hashes.clone());
        async { Ok(rows.await?.into_iter().map(|(hash, found)| (hash, Arc::new(found))).collect()) }
    };
    pipeline.ask(read).await
}
