//! What went wrong while calls were answered, for whoever waits for the run.

use std::sync::Mutex;

use crate::error::{Error, HandlerError};
use crate::step::Step;
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
    /// Who answered the call that was to execute the program.
    pub(crate) start: Option<String>,
}

impl Findings {
    /// Why the program could not be started, where a handler had a part in it: the kernel's reasons
    /// are not those then.
    pub(crate) fn explain(&self, error: Error) -> Error {
        match &self.start {
            Some(by) if error.step() == Some(Step::Execute) => {
                let hint = match self.errors.last() {
                    Some(failure) => failure.to_string(),
                    None => format!("handler {by} was asked about it"),
                };
                let error = error.with_hint(hint);
                self.errors.last().cloned().into_iter().fold(error, Error::with_handler)
            }
            _ => error,
        }
    }
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
        let mut findings = locked(&self.0);
        if findings.fatal.is_none() {
            findings.fatal = Some(failure);
        }
        // Another one is dropped behind the lock's end: its cause is the host's code.
    }

    /// Notes who answered the call that was to execute the program.
    pub(crate) fn note_start(&self, by: &str) {
        locked(&self.0).start = Some(by.to_owned());
    }

    pub(crate) fn note_kill(&self) {
        locked(&self.0).killed = true;
    }

    pub(crate) fn take(&self) -> Findings {
        std::mem::take(&mut *locked(&self.0))
    }
}
