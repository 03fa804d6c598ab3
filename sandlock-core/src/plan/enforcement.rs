//! What a run enforces, for the caller to read and to log.

use serde::Serialize;

use crate::host::Host;

/// What holds in a run, or for a thread that confined itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Enforcement {
    /// The Landlock ABI that is used.
    pub landlock_abi: u32,
    /// Protections that hold, by name.
    pub enforced: Vec<String>,
    /// Protections that this kernel lacks, which the policy accepts.
    pub degraded: Vec<String>,
    /// What the policy itself lifts from the defaults.
    pub weakened: Vec<String>,
}

impl Enforcement {
    pub(crate) fn new(host: &Host) -> Self {
        Enforcement { landlock_abi: host.usable_landlock_abi(), ..Enforcement::default() }
    }
}
