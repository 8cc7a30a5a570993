use diesel::QueryResult;
use tokio::sync::oneshot;

use super::{super::Error, Connection};

/// Something to do on a thread that owns a connection, and somebody who waits for how it ends.
pub(super) trait Task: Send {
    /// Whether whoever asked has left. They were answered "try later" and may do so: what has not
    /// begun by then never does.
    fn is_abandoned(&self) -> bool;

    /// Does it, and keeps what comes of it.
    fn run(&mut self, connection: &mut Connection) -> Result<(), Error>;

    /// Tells what came of it, or the fault by which it came to nothing.
    fn answer(self: Box<Self>, end: Result<(), Error>);
}

/// A body to run, and then its result, until that may be told.
pub(super) struct PendingTask<T, Body> {
    body: Option<Body>,
    result: Result<T, Error>,
    answer: oneshot::Sender<Result<T, Error>>,
}

impl<T, Body> PendingTask<T, Body> {
    pub(super) fn new(body: Body) -> (Self, oneshot::Receiver<Result<T, Error>>) {
        let (answer, answered) = oneshot::channel();
        let result = Err(Error::unavailable("a job on SQLite's thread panicked"));
        (Self { body: Some(body), result, answer }, answered)
    }
}

impl<T, Body> Task for PendingTask<T, Body>
where
    T: Send,
    Body: FnOnce(&mut Connection) -> QueryResult<T> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn run(&mut self, connection: &mut Connection) -> Result<(), Error> {
        if let Some(body) = self.body.take() {
            self.result = body(connection).map_err(Error::from);
        }
        self.result.as_ref().map(drop).map_err(Error::clone)
    }

    fn answer(self: Box<Self>, end: Result<(), Error>) {
        let _ = self.answer.send(end.and(self.result));
    }
}
