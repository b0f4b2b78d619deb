//! A house in this process, whose clock the test moves; `tsh`, `ssh` and the targets keep the machine's.

use crate::house::House;
use daemon::config::{Config, Overrides, Switchable};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

pub(crate) struct Inside {
    pub(crate) house: House,
    ahead: Arc<Mutex<SignedDuration>>,
    stop: CancellationToken,
    serving: Option<std::thread::JoinHandle<anyhow::Result<()>>>,
}

impl Inside {
    pub(crate) fn open() -> Self {
        let mut house = House::build();
        let overrides = Overrides {
            data_dir: Some(house.data()),
            listen: Some(house.listen),
            diag: Some(Switchable::Off),
            ..Overrides::default()
        };
        let config = Config::read("", &overrides, Path::new("/nowhere")).unwrap();
        let ahead = Arc::new(Mutex::new(SignedDuration::ZERO));
        let stop = CancellationToken::new();
        let (moved, stopping) = (Arc::clone(&ahead), stop.clone());
        let serving = std::thread::spawn(move || {
            let clock: daemon::house::Clock =
                Arc::new(move || Timestamp::now() + *moved.lock().unwrap());
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(daemon::house::serve(config, clock, stopping))
        });
        let end = Instant::now() + Duration::from_secs(30);
        let pin = loop {
            let told = house.tctl(&["status"]);
            if told.status == 0 {
                break told.out;
            }
            assert!(Instant::now() < end && !serving.is_finished(), "{told:?}");
        };
        house.told_pin =
            pin.split_whitespace().find(|word| word.starts_with("sha256:")).map(str::to_owned);
        assert!(house.told_pin.is_some(), "{pin}");
        Self { house, ahead, stop, serving: Some(serving) }
    }

    /// Sets the daemon's clock forward, or back.
    pub(crate) fn step(&self, by: SignedDuration) {
        *self.ahead.lock().unwrap() += by;
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.stop.cancel();
        let ended = self.serving.take().map(std::thread::JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap().unwrap().unwrap();
        }
    }
}
