//! Keys that are asked for at once are looked up with one statement on PostgreSQL: whoever comes while two are
//! under way goes with the next. Most of what a look-up costs PostgreSQL is the statement, not the row.
//!
//! Nobody is told what was seen before they asked: a statement begins when all who share it are there.

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

use super::{
    Error,
    credential::{Credential, Found},
    postgres::Pipeline,
    sessions::SessionRow,
    tokens::ApiToken,
};

/// The most keys of one statement, so that nobody's answer waits for very many others.
const MOST: usize = 64;

/// So many statements are under way at most: PostgreSQL works on one while the answers to the other are used.
const AT_ONCE: usize = 2;

/// Those who ask for keys on one worker.
#[derive(Default)]
pub(super) struct BatchLoaders {
    pub(super) sessions: BatchLoader<SessionRow>,
    pub(super) tokens: BatchLoader<ApiToken>,
}

/// Somebody who asks for a key.
struct PendingLookup<T: Credential> {
    hash: T::Hash,
    answer: oneshot::Sender<Result<Option<Arc<Found<T>>>, Error>>,
}

/// Those who ask for one kind of key, in queue.
pub(super) struct BatchLoader<T: Credential>(Mutex<UnboundedSender<PendingLookup<T>>>);

impl<T: Credential> Default for BatchLoader<T> {
    fn default() -> Self {
        let (queue, _nobody_serves_it) = mpsc::unbounded_channel();
        Self(Mutex::new(queue))
    }
}

impl<T: Credential> BatchLoader<T> {
    /// The key with this hash.
    pub(super) async fn ask(
        &self,
        hash: T::Hash,
        pipeline: &Arc<Pipeline>,
    ) -> Result<Option<Found<T>>, Error> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(PendingLookup { hash, answer }, pipeline);
        let given_up = |_| Err(Error::unavailable("a look-up was given up"));
        let found = pipeline.in_time(answered.unwrap_or_else(given_up)).await?;
        // Mostly nobody else asked for the same key, and nothing is cloned.
        Ok(found.map(Arc::unwrap_or_clone))
    }

    /// Whoever finds the queue unserved has it served, on the runtime of this thread: by nobody yet, or no
    /// more, since a panic ends that task like any other.
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
        .ready_chunks(MOST)
        .for_each_concurrent(AT_ONCE, |lookups| answer(lookups, &pipeline))
        .await;
}

async fn answer<T: Credential>(mut lookups: Vec<PendingLookup<T>>, pipeline: &Pipeline) {
    lookups.retain(|lookup| !lookup.answer.is_closed());
    if lookups.is_empty() {
        return;
    }
    match find(&lookups, pipeline).await {
        // It may be the fault of one row, such as a page that is damaged, and the others do not suffer from it.
        Err(Error::Bug { .. }) if lookups.len() > 1 => {
            for lookup in lookups {
                let found = find(slice::from_ref(&lookup), pipeline).await;
                tell([lookup], &found);
            }
        }
        found => tell(lookups, &found),
    }
}

fn tell<T: Credential>(
    lookups: impl IntoIterator<Item = PendingLookup<T>>,
    found: &Result<Rows<T>, Error>,
) {
    for PendingLookup { hash, answer, .. } in lookups {
        let key = found.as_ref().map(|found| found.get(&hash).cloned()).map_err(Clone::clone);
        // Whoever left does not mind.
        let _ = answer.send(key);
    }
}

/// What a statement brings.
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
