//! stub
pub mod report;
pub mod spec;
use crate::sample::Tick;
/// stub
#[derive(Clone, Debug)]
pub struct Judge;
impl Judge {
    /// stub
    pub fn new(_: spec::JudgeSpec) -> Self {
        Self
    }
    /// stub
    pub fn observe(&mut self, _: &Tick) {}
    /// stub
    pub fn assess(&self) -> report::Assessment {
        report::Assessment {
            finding: report::Finding::Undecided {
                reason: String::new(),
                unharmed: false,
            },
            checks: vec![],
        }
    }
}
