//! Handles the part of a request's body that its handler has not read.
//!
//! actix-http reads the rest of a chunked body that its handler has dropped for as long as data arrives, and of
//! one with a length for a second, at any rate. So the handler is only lent its body here. What it leaves is
//! read within bounds: a little before the response, so that an ordinary client keeps its connection; then the
//! response says `Connection: close`, a little more is read so that the response arrives, and the connection
//! closes.

use std::{
    cell::RefCell,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    HttpMessage,
    body::{BodySize, BoxBody, EitherBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::{InternalError, PayloadError},
    http::header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    middleware::Next,
    web::Bytes,
};
use futures_util::{Stream, StreamExt as _};
use tokio::time::{Sleep, sleep, timeout};

use crate::api::json;

/// How many bytes of an unread body are read before the response, and again after it. Beyond that nothing is
/// read, and backpressure stops the client.
const MAX_BYTES: usize = json::LARGEST;

/// How long a response waits for the rest of a body.
const READ_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a connection stays open after its last response. If it closed while the client was still sending,
/// the client could lose the response.
const LINGER: Duration = Duration::from_secs(1);

/// Bounds how much is read of a body that its handler leaves unread.
pub(super) async fn bound<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let Some(body) = Body::lend(&mut request) else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    match next.call(request).await {
        Ok(response) if body.ends_soon().await => Ok(response.map_into_left_body()),
        Ok(response) => Ok(response.map_body(|_, answer| EitherBody::right(body.after(answer)))),
        Err(error) if body.ends_soon().await => Err(error),
        Err(error) => {
            let response = error.error_response().map_body(|_, answer| body.after(answer));
            Err(InternalError::from_response("answered", response).into())
        }
    }
}

/// A request's body, owned here and lent to its handler.
#[derive(Clone)]
struct Body {
    received: Rc<RefCell<Received>>,
    /// Whether the body could end within the bounds, according to the request's headers.
    is_short: bool,
}

struct Received {
    payload: Payload,
    is_over: bool,
}

impl Body {
    /// Takes the body of a request that has one, and lends it back.
    fn lend(request: &mut ServiceRequest) -> Option<Self> {
        let payload = request.take_payload();
        if matches!(payload, Payload::None) {
            return None;
        }
        let length = request.headers().get(CONTENT_LENGTH);
        let is_short = match length {
            Some(length) => {
                length.to_str().is_ok_and(|n| n.parse().is_ok_and(|n: usize| n <= MAX_BYTES))
            }
            // Neither header: data after a declined upgrade.
            None => request.headers().contains_key(TRANSFER_ENCODING),
        };
        let received = Rc::new(RefCell::new(Received { payload, is_over: false }));
        let body = Self { received, is_short };
        request.set_payload(Payload::Stream { payload: Box::pin(body.clone()) });
        Some(body)
    }

    fn is_over(&self) -> bool {
        self.received.borrow().is_over
    }

    /// Reads on for a moment, and returns whether the body has ended.
    async fn ends_soon(&self) -> bool {
        if self.is_over() || !self.is_short {
            return self.is_over();
        }
        let mut left = MAX_BYTES;
        let _ = timeout(READ_TIMEOUT, poll_fn(|context| self.poll_rest(context, &mut left))).await;
        self.is_over()
    }

    /// Reads what arrives, up to this many bytes.
    fn poll_rest(&self, context: &mut Context<'_>, left: &mut usize) -> Poll<()> {
        let mut body = self.clone();
        while *left > 0 && !body.is_over() {
            if let Some(Ok(bytes)) = ready!(body.poll_next_unpin(context)) {
                *left = left.saturating_sub(bytes.len());
            }
        }
        Poll::Ready(())
    }

    /// Returns the response's body, which continues reading the request's body when it is sent. As long as it
    /// holds the request's body, actix-http considers the request unread, and closes.
    fn after<B: MessageBody + 'static>(self, answer: B) -> BoxBody {
        // A response of unknown length ends with its body, so its end must not wait.
        let reads_on = matches!(answer.size(), BodySize::Sized(_));
        BoxBody::new(Answer {
            content: answer.boxed(),
            body: self,
            reads_on,
            left: MAX_BYTES,
            until: None,
        })
    }
}

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut received = self.received.borrow_mut();
        if received.is_over {
            return Poll::Ready(None);
        }
        let item = ready!(received.payload.poll_next_unpin(context));
        received.is_over = !matches!(item, Some(Ok(_)));
        Poll::Ready(item)
    }
}

struct Answer {
    content: BoxBody,
    body: Body,
    reads_on: bool,
    left: usize,
    until: Option<Pin<Box<Sleep>>>,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.content.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.until.is_none() {
            if let Some(item) = ready!(Pin::new(&mut this.content).poll_next(context)) {
                return Poll::Ready(Some(item));
            }
            if !this.reads_on {
                return Poll::Ready(None);
            }
        }
        let until = this.until.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if until.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        ready!(this.body.poll_rest(context, &mut this.left));
        // Data beyond the bound stays unread until the time is up.
        if this.body.is_over() { Poll::Ready(None) } else { Poll::Pending }
    }
}
