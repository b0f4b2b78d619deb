//! Threads that serve connections, each with an event loop of its own, and each connection on one of them.
//!
//! Relaying is short work between two waits. On one pool of threads an idle thread waits for everybody's events, wakes for each,
//! and hands it to the thread that is already busy with that connection: switching took a quarter of what a transfer cost, and
//! its bytes went from one processor's cache to another's. On a lane, what a connection waits for wakes nobody else.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, thread};

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::Wire;

/// Steps of tasks between two looks at the sockets while there is always something to do: tokio's own 61 are long when
/// each may encrypt a quarter of a megabyte.
const STEPS: u32 = 16;

/// The lanes, as many as there are processors.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    rest: Handle,
}

#[derive(Debug)]
struct Lane {
    runtime: Handle,
    /// Connections on it.
    load: Arc<AtomicUsize>,
    /// Dropped with the lanes: then the thread ends.
    _open: oneshot::Sender<Infallible>,
}

impl Lane {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().event_interval(STEPS).build()?;
        let handle = runtime.handle().clone();
        let (open, closed) = oneshot::channel::<Infallible>();
        thread::Builder::new().name(format!("lane-{number}")).spawn(move || {
            // An error is all that can come: the lanes are gone.
            let _ = runtime.block_on(closed);
        })?;
        Ok(Self { runtime: handle, load: Arc::default(), _open: open })
    }
}

impl Lanes {
    /// Starts the threads. What has no lane runs in the runtime this is called in.
    pub(crate) fn start() -> Self {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let lanes = (0..count).map_while(|number| match Lane::start(number) {
            Ok(lane) => Some(lane),
            Err(error) => {
                tracing::error!(%error, number, "a thread for connections cannot be started; going on without it");
                None
            }
        });
        Self { lanes: lanes.collect(), rest: Handle::current() }
    }

    /// Serves a fresh connection on the lane with the fewest.
    pub(crate) fn spawn<S>(
        &self,
        socket: TcpStream,
        serve: impl FnOnce(Wire) -> S + Send + 'static,
    ) -> io::Result<()>
    where
        S: Future<Output = ()> + Send,
    {
        let Some(lane) = self.lanes.iter().min_by_key(|lane| lane.load.load(Ordering::Relaxed))
        else {
            self.rest.spawn(async move { serve(Wire::new(socket)).await });
            return Ok(());
        };
        let place = Place::take(&lane.load);
        // Taken out of this event loop, to be put into the lane's.
        let socket = socket.into_std()?;
        lane.runtime.spawn(async move {
            let _place = place;
            match TcpStream::from_std(socket) {
                Ok(socket) => serve(Wire::new(socket)).await,
                Err(error) => tracing::warn!(%error, "a connection cannot be waited for"),
            }
        });
        Ok(())
    }

    /// Runs what may compute for long, and so must not hold up a lane, on the house's own threads.
    pub(crate) async fn aside(&self, work: impl Future<Output = ()> + Send + 'static) {
        // It panicked, and has said so, or the house is closing.
        let _ = self.rest.spawn(work).await;
    }
}

/// A connection's place on its lane.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(load: &Arc<AtomicUsize>) -> Self {
        load.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(load))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn connect(listener: &tokio::net::TcpListener) -> (TcpStream, TcpStream) {
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn connections_are_spread_and_leave_their_places() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let lanes = Lanes::start();
        let loads = |lanes: &Lanes| -> Vec<usize> {
            lanes.lanes.iter().map(|lane| lane.load.load(Ordering::Relaxed)).collect()
        };
        let (mut open, mut names) = (Vec::new(), Vec::new());
        for _ in 0..2 * lanes.lanes.len() {
            let (near, far) = connect(&listener).await;
            let (go, gone) = oneshot::channel::<()>();
            let (tell, told) = oneshot::channel();
            let serve = move |wire: Wire| async move {
                tell.send(thread::current().name().map(str::to_owned)).unwrap();
                let _ = gone.await;
                drop(wire);
            };
            lanes.spawn(far, serve).unwrap();
            names.push(told.await.unwrap().unwrap());
            open.push((near, go));
        }
        assert!(loads(&lanes).iter().all(|load| *load == 2), "{:?}", loads(&lanes));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), lanes.lanes.len());
        for (mut near, go) in open {
            drop(go);
            let end = tokio::io::AsyncReadExt::read(&mut near, &mut [0]).await;
            assert_eq!(end.unwrap(), 0);
        }
    }
}
