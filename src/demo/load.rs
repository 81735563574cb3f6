//! A steady stream of requests through the router.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// A request that takes longer has been given up by its user. That counts as a slow answer, so it must be longer than
/// a silent candidate takes to be found out (warm-up and `silent_after` of the rules), or it is found slow instead.
const PATIENCE: Duration = Duration::from_secs(15);

/// So many requests wait at most; more are not sent (a hanging candidate must not eat the machine).
const IN_FLIGHT_MAX: usize = 1_000;

/// Requests are sent in small bunches, so often a second.
const BUNCHES_PER_SECOND: u32 = 50;

/// The stream; dropping it ends it.
pub struct Load {
    task: JoinHandle<()>,
}

impl Load {
    /// Starts to send `per_second` requests to `entrance`.
    pub fn start(entrance: SocketAddr, per_second: u32) -> Self {
        Self { task: tokio::spawn(send(entrance, per_second)) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send(entrance: SocketAddr, per_second: u32) {
    let Ok(client) = crate::client::builder().timeout(PATIENCE).build() else {
        return;
    };
    let places = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
    let url = format!("http://{entrance}/");
    let mut bunches = interval(Duration::from_secs(1) / BUNCHES_PER_SECOND);
    bunches.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut requests = tokio::task::JoinSet::new();
    loop {
        bunches.tick().await;
        for _ in 0..per_second / BUNCHES_PER_SECOND {
            let Ok(place) = places.clone().try_acquire_owned() else {
                break;
            };
            let request = client.get(&url).send();
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
