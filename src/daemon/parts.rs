//! From rules to working parts: the router, the sources and the prober that a rule file names.

use std::sync::Arc;

use url::Url;

use crate::probe::Prober;
use crate::router::embedded::{EmbeddedRouter, Recorder};
use crate::router::haproxy::HaproxyRouter;
use crate::router::{Router, RouterError};
use crate::rules::model::{EmbeddedRule, Query, RouterRule, Rules, SourceKind};
use crate::sample::Colour;
use crate::source::Source;
use crate::source::embedded::EmbeddedSource;
use crate::source::prometheus::PrometheusSource;

/// Why a part could not be made from valid rules.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The router.
    #[error(transparent)]
    Router(#[from] RouterError),
    /// Anything else, with its name.
    #[error("{0}")]
    Other(String),
}

/// A router, and what it records if it is the daemon's own.
#[derive(Clone)]
pub struct RouterPart {
    /// What splits the traffic.
    pub router: Arc<dyn Router>,
    /// What passed through it.
    pub recorder: Option<Recorder>,
}

/// Both colours' names, sorted.
#[must_use]
pub fn colours(rules: &Rules) -> [Colour; 2] {
    rules.colours.clone().map(|rule| rule.colour)
}

/// Both colours with their own addresses; an error names the colour that has none.
fn addresses(rules: &Rules) -> Result<[(Colour, Url); 2], PartError> {
    let address = |index: usize| {
        let rule = &rules.colours[index];
        let url = rule
            .url
            .clone()
            .ok_or_else(|| PartError::Other(format!("[colours.{}] needs a `url`", rule.colour)))?;
        Ok::<_, PartError>((rule.colour.clone(), url))
    };
    Ok([address(0)?, address(1)?])
}

/// Makes the router; the embedded one starts to listen, and until it is told sends everything to the colour that is
/// remembered as live (without a memory, to the one that the rules name).
///
/// # Errors
/// When the embedded router cannot listen.
pub async fn router(rules: &Rules, remembered: Option<&Colour>) -> Result<RouterPart, PartError> {
    match &rules.router {
        RouterRule::Haproxy(rule) => {
            Ok(RouterPart { router: Arc::new(HaproxyRouter::new(rule, colours(rules))?), recorder: None })
        }
        RouterRule::Embedded(rule) => {
            let live = remembered.unwrap_or(&rule.live).clone();
            let rule = EmbeddedRule { live, ..rule.clone() };
            let router = EmbeddedRouter::start(&rule, addresses(rules)?).await?;
            let recorder = router.recorder();
            Ok(RouterPart { router, recorder: Some(recorder) })
        }
    }
}

/// Makes the sources, each with the checks that ask it.
///
/// # Errors
/// When a client cannot be made, or the embedded source is asked for without the embedded router.
pub fn sources(rules: &Rules, recorder: Option<&Recorder>) -> Result<Vec<Box<dyn Source>>, PartError> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    for (index, rule) in rules.sources.iter().enumerate() {
        let checks: Vec<(String, Query)> = (rules.checks.iter())
            .filter(|check| check.source == index)
            .map(|check| (check.name.clone(), check.query.clone()))
            .collect();
        if checks.is_empty() {
            continue;
        }
        let failed =
            |error: &dyn std::fmt::Display| PartError::Other(format!("[sources.{}]: {error}", rule.name));
        sources.push(match &rule.kind {
            SourceKind::Prometheus(prometheus) => {
                let client = crate::client::builder().build().map_err(|e| failed(&e))?;
                let colours = rules.colours.clone();
                Box::new(PrometheusSource::new(prometheus, checks, colours, client).map_err(|e| failed(&e))?)
            }
            SourceKind::Embedded => {
                let recorder = recorder.ok_or_else(|| {
                    failed(&"the embedded source needs the embedded router: set [router] kind = \"embedded\"")
                })?;
                let source =
                    EmbeddedSource::new(recorder.clone(), checks, colours(rules)).map_err(|e| failed(&e))?;
                Box::new(source)
            }
        });
    }
    Ok(sources)
}

/// Makes the prober and starts its probes; `None` without probes.
///
/// # Errors
/// When the client cannot be made or a colour has no address.
pub fn prober(rules: &Rules) -> Result<Option<Prober>, PartError> {
    if rules.probes.is_empty() {
        return Ok(None);
    }
    let client = crate::probe::client()
        .map_err(|error| PartError::Other(format!("cannot make the probes' client: {error}")))?;
    Ok(Some(Prober::new(&rules.probes, addresses(rules)?, client)))
}
