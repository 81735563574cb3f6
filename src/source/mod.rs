//! Sources: where samples come from. One file per kind, each behind [`Source`].
//!
//! A source is asked once a tick for all its checks, both colours at one moment.
//! It answers with a sample for each check and colour, where what it could not measure is a gap with its reason;
//! it never fails as a whole, because a failing source is a fact about the release and not an error of the daemon.

pub mod embedded;
pub mod prometheus;

use async_trait::async_trait;

use crate::sample::Sample;

/// Where samples come from.
#[async_trait]
pub trait Source: Send {
    /// Measures every check of this source for both colours: exactly one sample for each check and colour.
    ///
    /// Counters are differences since the last call that gave them; the first call has nothing to compare with and
    /// gives [`crate::sample::GapKind::NotYet`]. Returns within the source's own time limit.
    async fn sample(&mut self) -> Vec<Sample>;

    /// Asks for everything once, without changing what `sample` gives next: for `assize check --live`.
    /// One line per check and colour on success.
    ///
    /// # Errors
    /// What the source said, one line per failure.
    async fn try_out(&mut self) -> Result<Vec<String>, Vec<String>>;
}
