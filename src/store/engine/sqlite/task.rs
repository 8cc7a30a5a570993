use diesel::QueryResult;
use tokio::sync::oneshot;

use super::Connection;
use crate::store::Error;

/// Work for a thread that owns a connection, and a caller that waits for the result.
pub(super) trait Task: Send {
    /// Whether the caller has stopped waiting. The client was answered "try later" and may do so, so a task that has
    /// not begun by then never runs.
    fn is_abandoned(&self) -> bool;

    /// Runs the work and stores its result.
    fn run(&mut self, connection: &mut Connection) -> Result<(), Error>;

    /// Sends the result, or the error for which it does not count.
    fn answer(self: Box<Self>, end: Result<(), Error>);
}

/// A body to run, and then its result until it may be sent.
pub(super) struct PendingTask<T, Body> {
    body: Option<Body>,
    result: Result<T, Error>,
    answer: oneshot::Sender<Result<T, Error>>,
}

impl<T, Body> PendingTask<T, Body> {
    pub(super) fn new(body: Body) -> (Self, oneshot::Receiver<Result<T, Error>>) {
        let (answer, answered) = oneshot::channel();
        let result = Err(Error::unavailable("a task on a SQLite thread panicked"));
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
