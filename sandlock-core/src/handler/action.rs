//! What handlers answer, and what came of it.

use std::os::fd::OwnedFd;

use super::TaskError;

/// What a handler answers to a call.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotifAction {
    /// Goes on with the next handler; after the last one the kernel carries the call out, as far as
    /// the policy lets it. What the handler has read of the task's memory may have changed by then.
    Continue,
    /// The call fails with this error number, 1 to 4095.
    Errno(i32),
    /// The call returns this, and the kernel does nothing. Programs take -4095 to -1 for error
    /// numbers.
    ReturnValue(i64),
    /// The task gets a descriptor for this open file, and the call returns its number.
    InjectFd {
        /// The open file; ours is closed when the task has its own.
        fd: OwnedFd,
        /// Whether the task's is closed when it executes a program.
        cloexec: bool,
    },
    /// The task gets a descriptor for a file in memory that holds these bytes and cannot be changed
    /// (memfd_create(2), sealed), and the call returns its number. It is close-on-exec if the call
    /// asked for that, or is not one that opens by path.
    InjectBytes(Vec<u8>),
    /// The handler has failed, for this reason, a text or an error: [`OnError`](super::OnError) says what
    /// that means, and [`HandlerError::cause`](crate::HandlerError::cause) gives the error back.
    Fail(Box<dyn std::error::Error + Send + Sync>),
    /// The whole tree is killed; the run ends with [`Reason::Killed`](crate::Reason::Killed).
    KillSandbox,
}

/// An error of the context is a refusal, with the error number of [`TaskError::errno`]: a program
/// that gives a bad address must not be able to end its run as a failure of the handler.
/// [`TaskError::Other`] is a failure.
impl From<TaskError> for NotifAction {
    fn from(error: TaskError) -> NotifAction {
        match error {
            TaskError::Other(reason) => NotifAction::Fail(reason.into()),
            error => NotifAction::Errno(error.errno()),
        }
    }
}

/// For handlers that use `?`: an error is a refusal.
impl From<Result<NotifAction, TaskError>> for NotifAction {
    fn from(result: Result<NotifAction, TaskError>) -> NotifAction {
        result.unwrap_or_else(NotifAction::from)
    }
}

/// What became of a call, for observers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict<'a> {
    /// What happened.
    pub outcome: Outcome,
    /// Who decided: `"policy"` where nobody did, a built-in capability, or the handler's
    /// [name](super::HandlerOptions::name).
    pub by: &'a str,
}

/// What happened to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Everybody let it through, and the kernel carries it out; Landlock may still refuse it.
    Continue,
    /// It failed with this error number.
    Refused(i32),
    /// It returned this.
    Answered(i64),
    /// It returned a new descriptor.
    Injected,
    /// The tree was killed.
    Killed,
    /// Its task had ended, or was interrupted, before it could be answered.
    Gone,
}

impl Outcome {
    /// The word for it, as counts, records and other languages have it.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(sandlock::Outcome::Refused(13).name(), "refused");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Continue => "continue",
            Outcome::Refused(_) => "refused",
            Outcome::Answered(_) => "answered",
            Outcome::Injected => "injected",
            Outcome::Killed => "killed",
            Outcome::Gone => "gone",
        }
    }
}

impl Verdict<'_> {
    pub(crate) fn new(outcome: Outcome, by: &str) -> Verdict<'_> {
        Verdict { outcome, by }
    }
}
