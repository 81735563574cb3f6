//! Bodies on their way through: streamed, never gathered, and watched for their end.
//!
//! [`Answer`] closes the request's ticket when the colour's body ends, breaks off or is given up. [`Upload`] tells who
//! is late when an answer stays out: a client that does not send is not the colour's fault.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::recorder::{End, Ticket};

/// A colour's body on its way to the client.
pub(super) struct Answer {
    body: Incoming,
    ticket: Ticket,
}

impl Answer {
    pub(super) fn new(body: Incoming, mut ticket: Ticket) -> Self {
        // Hyper does not ask for frames of a body that has none.
        if body.is_end_stream() {
            ticket.close(End::Complete);
        }
        Self { body, ticket }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        match &frame {
            Some(Err(_)) => this.ticket.close(End::Broken),
            None => this.ticket.close(End::Complete),
            // The last frame of a body of known length: hyper does not ask again.
            Some(Ok(_)) if this.body.is_end_stream() => this.ticket.close(End::Complete),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A client's body on its way to a colour.
pub(super) struct Upload {
    body: Incoming,
    progress: Arc<Progress>,
}

/// How far an upload is, for whoever waits for the answer.
pub(super) struct Progress {
    since: Instant,
    /// Milliseconds from `since` to the last part that the colour took.
    taken_ms: AtomicU64,
    waits_for_client: AtomicBool,
    broken: AtomicBool,
}

impl Upload {
    pub(super) fn new(body: Incoming) -> (Self, Arc<Progress>) {
        let progress = Arc::new(Progress {
            since: Instant::now(),
            taken_ms: AtomicU64::new(0),
            waits_for_client: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        });
        let upload = Self { body, progress: Arc::clone(&progress) };
        (upload, progress)
    }
}

impl Progress {
    /// When the colour last took a part of the request; before that, when it was sent.
    pub(super) fn last(&self) -> Instant {
        self.since + Duration::from_millis(self.taken_ms.load(Ordering::Relaxed))
    }

    /// The colour would take more, and the client does not send it.
    pub(super) fn waits_for_client(&self) -> bool {
        self.waits_for_client.load(Ordering::Relaxed)
    }

    /// The client broke off its own request.
    pub(super) fn broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    fn note(&self, frame: &Poll<Option<Result<Frame<Bytes>, hyper::Error>>>) {
        self.waits_for_client.store(frame.is_pending(), Ordering::Relaxed);
        match frame {
            Poll::Pending => {}
            Poll::Ready(Some(Err(_))) => self.broken.store(true, Ordering::Relaxed),
            Poll::Ready(_) => {
                let ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
                self.taken_ms.store(ms, Ordering::Relaxed);
            }
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        this.progress.note(&frame);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
