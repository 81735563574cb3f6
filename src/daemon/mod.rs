//! The daemon: services side by side, each in a task of its own, and what they share.
//!
//! [`service`] is the loop of one service, [`ledger`] its release with the journal, [`routing`] its hand on the
//! router and `aligning` what that hand feels, [`sampling`] its eyes, [`idle`] its time between releases, [`parts`] makes them from rules.
//! [`systemd`] tells the service manager how things are; [`clock`] is the only one who knows the time.

mod aligning;
pub mod clock;
pub mod idle;
pub mod ledger;
pub mod parts;
pub mod record;
pub mod request;
pub mod routing;
pub mod sampling;
pub mod service;
pub mod systemd;
pub mod verdict_log;

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use service::{Service, ServiceHandle, Shared};

use crate::rules::model::Rules;

/// Samples of ended releases are kept this long, unless `--keep-samples` says otherwise.
pub const KEEP_SAMPLES_DAYS: u64 = 30;

/// So many of the newest releases are looked through for those that nobody judges.
const RELEASES_MAX: u32 = 10_000;

/// Old samples are looked for this often.
const TIDY_EVERY: std::time::Duration = std::time::Duration::from_hours(1);

/// The services that run. Cheap to clone.
#[derive(Clone, Default)]
pub struct Services {
    handles: Arc<RwLock<BTreeMap<String, ServiceHandle>>>,
}

impl Services {
    /// The way to one service.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ServiceHandle> {
        self.read().get(name).cloned()
    }

    /// All of them, by name.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, ServiceHandle> {
        self.read().clone()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, ServiceHandle>> {
        // A map of handles cannot be left half-changed, so a poisoned lock is still good.
        self.handles.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Starts a service for each of the rules.
    ///
    /// # Errors
    /// The first service that could not be started, in one sentence.
    pub async fn start(&self, rules: Vec<Rules>, shared: &Shared) -> Result<(), String> {
        for rules in rules {
            let name = rules.service.clone();
            let handle = Service::start(rules, shared.clone()).await?;
            (self.handles.write().unwrap_or_else(std::sync::PoisonError::into_inner)).insert(name, handle);
        }
        Ok(())
    }

    /// Takes up releases under way whose service no rule file names any more (renamed, or its file is gone), with the rules
    /// that they began with: a candidate with traffic must not go on unjudged.
    ///
    /// # Errors
    /// When the journal cannot be read, or such a release cannot be taken up.
    pub async fn take_up_orphans(&self, shared: &Shared) -> Result<(), String> {
        let releases =
            shared.journal.releases(None, RELEASES_MAX).await.map_err(|error| error.to_string())?;
        for release in releases.into_iter().filter(|release| release.ended_at.is_none()) {
            if self.get(&release.service).is_some() {
                continue;
            }
            let unfinished =
                shared.journal.unfinished(&release.service).await.map_err(|error| error.to_string())?;
            let Some(unfinished) = unfinished else { continue };
            tracing::warn!(
                service = release.service,
                release = unfinished.header.release,
                "no rule file names this service, and its release is under way: it goes on with the rules that it began with"
            );
            self.start(vec![service::rules_of(&unfinished.header)?], shared).await?;
        }
        Ok(())
    }

    /// Lets the requests end that are under way through routers inside the daemon; bounded by those routers.
    pub async fn shutdown(&self) {
        let handles = self.all();
        futures::future::join_all(handles.values().map(|handle| handle.router.shutdown())).await;
    }

    /// Hands changed rules to their services and starts services that are new. A service whose file is gone goes on
    /// until the daemon is restarted: taking its judge away in the middle of a release would be worse.
    pub async fn reload(&self, rules: Vec<Rules>, shared: &Shared) {
        for rules in rules {
            match self.get(&rules.service) {
                Some(handle) => {
                    let _ = handle.requests.send(request::Request::Reload(Box::new(rules))).await;
                }
                None => {
                    if let Err(error) = self.start(vec![rules], shared).await {
                        tracing::error!("{error}");
                    }
                }
            }
        }
    }
}

/// Drops samples of releases that ended more than `keep_days` ago, now and every hour, for as long as it is polled.
pub async fn tidy_samples(shared: Shared, keep_days: u64) {
    let mut ticks = tokio::time::interval(TIDY_EVERY);
    loop {
        ticks.tick().await;
        let keep_ms = i64::try_from(keep_days.saturating_mul(86_400_000)).unwrap_or(i64::MAX);
        let before = crate::sample::Timestamp::from_ms(shared.clock.now().ms().saturating_sub(keep_ms));
        match shared.journal.drop_samples(before).await {
            Ok(0) => {}
            Ok(dropped) => {
                tracing::info!(dropped, "dropped samples of releases that ended over {keep_days} days ago");
            }
            Err(error) => tracing::warn!("old samples were not dropped: {error}"),
        }
    }
}
