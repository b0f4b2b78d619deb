//! Connections that read, several at a time.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::schema::open_reader;
use crate::kv::Fault;

/// A pool of connections that only read. Whoever finds none free waits. A clone is the same pool.
#[derive(Clone)]
pub(crate) struct Pool {
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("free", &self.free.available_permits()).finish_non_exhaustive()
    }
}

impl Pool {
    pub(crate) fn open(path: &Path, connections: usize) -> Result<Self, Fault> {
        let connections = connections.max(1);
        let idle = (0..connections).map(|_| open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(idle)), free: Arc::new(Semaphore::new(connections)) })
    }

    /// Reads on a thread that may block.
    pub(crate) async fn with<T: Send + 'static, E: From<Fault> + Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| Fault::Closed)?;
        let idle = Arc::clone(&self.idle);
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let taken = idle.lock().map_err(|_| Fault::Closed)?.pop();
            let mut connection = taken.ok_or(Fault::Closed)?;
            let result = read(&mut connection);
            idle.lock().map_err(|_| Fault::Closed)?.push(connection);
            result
        });
        task.await.map_err(|_| Fault::Closed)?
    }

    /// Closes what is idle, and refuses whoever comes later.
    pub(crate) fn close(&self) {
        self.free.close();
        if let Ok(mut idle) = self.idle.lock() {
            idle.clear();
        }
    }
}
