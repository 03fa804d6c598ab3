//! What went wrong while calls were answered, for whoever waits for the run.

use std::sync::Mutex;

use crate::handler::HandlerError;
use crate::threads::locked;

/// The most failures that are kept: a program can cause as many as it likes.
const MOST: usize = 100;

/// Failures of handlers, and whether one ended the run.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Findings>);

/// What supervision found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// The failure that ended the run.
    pub(crate) fatal: Option<HandlerError>,
    /// Other failures, the first ones.
    pub(crate) errors: Vec<HandlerError>,
    /// How many more there were.
    pub(crate) dropped: u64,
    /// Whether a handler had the tree killed.
    pub(crate) killed: bool,
}

impl Journal {
    pub(crate) fn note(&self, failure: HandlerError) {
        let mut findings = locked(&self.0);
        match findings.errors.len() < MOST {
            true => findings.errors.push(failure),
            false => findings.dropped += 1,
        }
    }

    /// Notes the failure that ends the run; the first one counts.
    pub(crate) fn end_with(&self, failure: HandlerError) {
        locked(&self.0).fatal.get_or_insert(failure);
    }

    pub(crate) fn note_kill(&self) {
        locked(&self.0).killed = true;
    }

    pub(crate) fn take(&self) -> Findings {
        std::mem::take(&mut *locked(&self.0))
    }
}
