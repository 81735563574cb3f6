//! What systemd is told: ready, reloading, stopping, and that every service's task is alive.
//!
//! Outside of systemd all of this does nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sd_notify::NotifyState;

use super::Services;
use super::clock::Clock;

/// A service's task that has not gone round for this long is dead or stuck: the watchdog is not fed any more.
const SILENT_MAX_MS: i64 = 20_000;

/// The daemon listens and has its rules.
pub fn ready(services: usize) {
    let status = format!("watching {services} service(s)");
    let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// The daemon reads its rules again; follow with [`ready`].
pub fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        let _ = sd_notify::notify(&[NotifyState::Reloading, now]);
    }
}

/// The daemon is about to stop.
pub fn stopping() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}

/// Feeds the watchdog at half its time, as long as every service is alive; never returns, does nothing without one.
pub async fn watchdog(services: Services, clock: Arc<dyn Clock>) {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let mut ticks = tokio::time::interval((limit / 2).max(Duration::from_millis(100)));
    loop {
        ticks.tick().await;
        let oldest = clock.now().ms() - SILENT_MAX_MS;
        let stuck =
            (services.all().into_iter()).find(|(_, handle)| handle.alive.load(Ordering::Relaxed) < oldest);
        match stuck {
            None => {
                let _ = sd_notify::notify(&[NotifyState::Watchdog]);
            }
            Some((service, _)) => {
                tracing::error!(service, "the service's task does not go round; the watchdog is not fed");
            }
        }
    }
}
