//! A steady stream of requests, open loop: a slow answer does not slow the next request down.
//!
//! Include with `#[path = "support/load.rs"] mod load;`.

#![allow(dead_code, reason = "each test file that includes this uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

/// So many requests wait for an answer at most; more are left out.
const IN_FLIGHT_MAX: usize = 200;

/// Requests go out in bunches, so many a second.
const BUNCHES_PER_SECOND: u32 = 50;

/// The stream; dropping it ends it.
pub struct Load {
    task: JoinHandle<()>,
}

impl Load {
    /// Starts `per_second` requests a second, a multiple of 50.
    pub fn start(front: SocketAddr, per_second: u32) -> Self {
        assert!(per_second.is_multiple_of(BUNCHES_PER_SECOND), "a multiple of {BUNCHES_PER_SECOND}");
        Self { task: tokio::spawn(send(front, per_second)) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send(front: SocketAddr, per_second: u32) {
    let client = assize::client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    let places = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let mut bunches = interval(Duration::from_secs(1) / BUNCHES_PER_SECOND);
    bunches.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut requests = JoinSet::new();
    loop {
        bunches.tick().await;
        for _ in 0..per_second / BUNCHES_PER_SECOND {
            let Ok(place) = places.clone().try_acquire_owned() else { break };
            let request = client.get(format!("http://{front}/")).send();
            requests.spawn(async move {
                if let Ok(answer) = request.await {
                    let _ = answer.bytes().await;
                }
                drop(place);
            });
        }
        while requests.try_join_next().is_some() {}
    }
}
