use crate::engine::error::ReadError;
use simgauge_domain::reading::Reading;
use simgauge_domain::time::UnixMs;

/// What reading many SIMs yielded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManyReadings {
    /// One for each SIM that was asked about, in that order.
    pub outcomes: Vec<ManyOutcome>,
    /// Elements of answers about SIMs that nobody asked about.
    pub ignored: usize,
    /// HTTP calls, log-ins among them.
    pub calls: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManyOutcome {
    /// As it was asked.
    pub iccid: String,
    /// When the call began whose answer it is from, by our clock.
    pub began: UnixMs,
    /// When that answer was there.
    pub ended: UnixMs,
    pub outcome: Result<Reading, ReadError>,
}
