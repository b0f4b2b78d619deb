//! Who rang: a task that waits for several things polls only those of them that woke it.
//!
//! A session waits for two sockets and, beside them, for its end: the policy, a clock, the recording. Bytes come
//! thousands of times a second and the end comes once, but a task that wakes is not told by what. So each thing that
//! it waits for gets a waker of its own, which says so and then wakes the task.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// The waker of one thing that a task waits for.
#[derive(Debug)]
pub(crate) struct Bell {
    ring: Arc<Ring>,
    waker: Waker,
    /// The task that is woken.
    task: Option<Waker>,
}

#[derive(Debug)]
struct Ring {
    rung: AtomicBool,
    /// It stays here when it is woken: the next ring may come before the task asks again.
    task: Mutex<Waker>,
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
    }
}

impl Bell {
    /// One that has rung: what was never polled has to be.
    pub(crate) fn new() -> Self {
        let ring =
            Arc::new(Ring { rung: AtomicBool::new(true), task: Mutex::new(Waker::noop().clone()) });
        Self { waker: Waker::from(Arc::clone(&ring)), ring, task: None }
    }

    /// Whether it has rung since it was last asked. From now on it wakes `cx`'s task.
    pub(crate) fn has_rung(&mut self, cx: &Context<'_>) -> bool {
        // Whoever is to be woken is known before it is looked whether it has rung: no ring is missed.
        if !self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            *self.ring.task.lock().unwrap_or_else(PoisonError::into_inner) = cx.waker().clone();
            self.task = Some(cx.waker().clone());
        }
        let rung = &self.ring.rung;
        rung.load(Ordering::Relaxed) && rung.swap(false, Ordering::AcqRel)
    }

    /// What rings it.
    pub(crate) fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}

/// A future that is polled when it was woken, and not whenever the task is that it is part of. On the heap.
#[derive(Debug)]
pub(crate) struct Seldom<F> {
    future: Pin<Box<F>>,
    bell: Bell,
}

impl<F> Seldom<F> {
    pub(crate) fn new(future: F) -> Self {
        Self { future: Box::pin(future), bell: Bell::new() }
    }
}

impl<F: Future> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, bell } = self.get_mut();
        if !bell.has_rung(cx) {
            return Poll::Pending;
        }
        future.as_mut().poll(&mut bell.context())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;
    use std::task::ready;

    use tokio::sync::{mpsc, oneshot};

    use super::*;

    #[tokio::test]
    async fn it_is_polled_once_for_each_time_it_was_woken_and_misses_none() {
        let polls = AtomicUsize::new(0);
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut seldom = Seldom::new(poll_fn(|cx| {
            polls.fetch_add(1, Ordering::Relaxed);
            // Until the last of them is there.
            loop {
                match ready!(told.poll_recv(cx)) {
                    Some(99) => return Poll::Ready(()),
                    Some(_) => {}
                    None => return Poll::Pending,
                }
            }
        }));
        for _ in 0..100 {
            assert!(futures_util::poll!(&mut seldom).is_pending());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        tokio::spawn(async move {
            for n in 0..100 {
                tell.send(n).unwrap();
                tokio::task::yield_now().await;
            }
        });
        seldom.await;
        assert_eq!(polls.load(Ordering::Relaxed), 101);
    }

    #[tokio::test]
    async fn another_task_that_polls_it_is_woken_too() {
        let (tell, told) = oneshot::channel::<()>();
        let mut seldom = Seldom::new(told);
        assert!(futures_util::poll!(&mut seldom).is_pending());
        let moved = tokio::spawn(seldom);
        tokio::task::yield_now().await;
        tell.send(()).unwrap();
        assert_eq!(moved.await.unwrap(), Ok(()));
    }
}
