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
    key::{Found, Key},
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
pub(super) struct Loaders {
    pub(super) sessions: Loader<SessionRow>,
    pub(super) tokens: Loader<ApiToken>,
}

/// Somebody who asks for a key.
struct Asker<T: Key> {
    hash: T::Hash,
    answer: oneshot::Sender<Result<Option<Arc<Found<T>>>, Error>>,
}

/// Those who ask for one kind of key, in line.
pub(super) struct Loader<T: Key>(Mutex<UnboundedSender<Asker<T>>>);

impl<T: Key> Default for Loader<T> {
    fn default() -> Self {
        let (line, _nobody_serves_it) = mpsc::unbounded_channel();
        Self(Mutex::new(line))
    }
}

impl<T: Key> Loader<T> {
    /// The key with this hash.
    pub(super) async fn ask(
        &self,
        hash: T::Hash,
        pipeline: &Arc<Pipeline>,
    ) -> Result<Option<Found<T>>, Error> {
        let (answer, answered) = oneshot::channel();
        self.stand_in_line(Asker { hash, answer }, pipeline);
        let given_up = |_| Err(Error::unavailable("a look-up was given up"));
        let found = pipeline.in_time(answered.unwrap_or_else(given_up)).await?;
        // Mostly nobody else asked for the same key, and nothing is cloned.
        Ok(found.map(Arc::unwrap_or_clone))
    }

    /// Whoever finds the line unserved has it served, on the runtime of this thread: by nobody yet, or no
    /// more, since a panic ends that task like any other.
    fn stand_in_line(&self, asker: Asker<T>, pipeline: &Arc<Pipeline>) {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(SendError(asker)) = line.send(asker) {
            let (new, askers) = mpsc::unbounded_channel();
            *line = new;
            let _ = line.send(asker);
            tokio::spawn(serve(askers, pipeline.clone()));
        }
    }
}

async fn serve<T: Key>(mut line: UnboundedReceiver<Asker<T>>, pipeline: Arc<Pipeline>) {
    stream::poll_fn(|cx| line.poll_recv(cx))
        .ready_chunks(MOST)
        .for_each_concurrent(AT_ONCE, |askers| answer(askers, &pipeline))
        .await;
}

async fn answer<T: Key>(mut askers: Vec<Asker<T>>, pipeline: &Pipeline) {
    askers.retain(|asker| !asker.answer.is_closed());
    if askers.is_empty() {
        return;
    }
    match find(&askers, pipeline).await {
        // It may be the fault of one row, such as a page that is damaged, and the others do not suffer from it.
        Err(Error::Bug { .. }) if askers.len() > 1 => {
            for asker in askers {
                let found = find(slice::from_ref(&asker), pipeline).await;
                tell([asker], &found);
            }
        }
        found => tell(askers, &found),
    }
}

fn tell<T: Key>(askers: impl IntoIterator<Item = Asker<T>>, found: &Result<Rows<T>, Error>) {
    for Asker { hash, answer, .. } in askers {
        let key = found.as_ref().map(|found| found.get(&hash).cloned()).map_err(Clone::clone);
        // Whoever left does not mind.
        let _ = answer.send(key);
    }
}

/// What a statement brings.
type Rows<T> = HashMap<<T as Key>::Hash, Arc<Found<T>>>;

async fn find<T: Key>(askers: &[Asker<T>], pipeline: &Pipeline) -> Result<Rows<T>, Error> {
    let hashes: Vec<_> = askers.iter().map(|asker| asker.hash).collect();
    let read = |connection| {
        let rows = T::find_all(connection, hashes.clone());
        async { Ok(rows.await?.into_iter().map(|(hash, found)| (hash, Arc::new(found))).collect()) }
    };
    pipeline.ask(read).await
}
