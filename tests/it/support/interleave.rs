//! Two futures, polled in the order of the bits of a schedule.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

thread_local! {
    static GAVE_WAY: Cell<bool> = const { Cell::new(false) };
}

/// Runs both futures to their ends. As long as bits of `schedule` are left, each lets one of the two
/// run until it gives way the next time: `a` for a zero, `b` for a one, lowest bit first.
pub(crate) fn interleave<A, B>(
    schedule: u32,
    width: u32,
    a: impl Future<Output = A>,
    b: impl Future<Output = B>,
) -> (A, B) {
    let (a, b) = (pin!(a), pin!(b));
    let (mut a, mut b) = (Side::of(a), Side::of(b));
    for bit in 0..width {
        if schedule >> bit & 1 == 0 { a.advance() } else { b.advance() }
    }
    (a.finish(), b.finish())
}

/// Lets the other future run, once.
pub(crate) async fn give_way() {
    let mut gave_way = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        GAVE_WAY.set(true);
        Poll::Pending
    })
    .await;
}

struct Side<'a, T> {
    future: Pin<&'a mut dyn Future<Output = T>>,
    done: Option<T>,
}

impl<'a, T> Side<'a, T> {
    fn of(future: Pin<&'a mut (dyn Future<Output = T> + 'a)>) -> Self {
        Self { future, done: None }
    }

    /// Runs until the future is done or gives way. If it waits for another thread, so does this one.
    fn advance(&mut self) {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        while self.done.is_none() {
            GAVE_WAY.set(false);
            match self.future.as_mut().poll(&mut context) {
                Poll::Ready(done) => self.done = Some(done),
                Poll::Pending if GAVE_WAY.get() => return,
                Poll::Pending => thread::park(),
            }
        }
    }

    fn finish(mut self) -> T {
        loop {
            match self.done.take() {
                Some(done) => return done,
                None => self.advance(),
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
