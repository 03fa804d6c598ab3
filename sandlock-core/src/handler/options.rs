//! How a handler is called.

use std::time::Duration;

use super::When;

/// Where a handler stands in the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Priority {
    /// Behind the built-ins: it is asked about what they let through.
    #[default]
    After,
    /// In front of the built-ins. It can only make things stricter: its
    /// [`Continue`](super::NotifAction::Continue) means "go on with the built-ins".
    Before,
}

/// Which thread calls a handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// The supervisor's, which answers one call after the other: for handlers that take
    /// microseconds.
    #[default]
    Inline,
    /// One of a pool: for handlers that wait. What stands behind it in the chain of that call is
    /// asked on the same thread.
    Pooled {
        /// How long a call may wait for its answer, counted from when it is handed over; then it
        /// fails with EPERM, and what the handler says later is ignored.
        deadline: Duration,
    },
}

/// What it means that a handler failed: that it panicked, or answered with an error number that
/// there is not. Never that the call goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// The tree is killed, and the run fails with
    /// [`ErrorKind::Handler`](crate::ErrorKind::Handler).
    #[default]
    Kill,
    /// The call fails with this error number, 1 to 4095; the failure is listed in
    /// [`Output::handler_errors`](crate::Output::handler_errors).
    Deny(i32),
}

/// How a handler is called. Each is optional.
///
/// # Examples
///
/// ```
/// use sandlock::{HandlerOptions, OnError, Priority, When};
/// use std::time::Duration;
///
/// let options = HandlerOptions::new()
///     .name("uploads")
///     .priority(Priority::Before)
///     .pooled(Duration::from_secs(5))
///     .when(When::arg(2).masked_eq(0o3, 1))
///     .on_error(OnError::Deny(13));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct HandlerOptions {
    pub(crate) shown: ObserverOptions,
    pub(crate) priority: Priority,
    pub(crate) mode: Mode,
    pub(crate) on_error: OnError,
}

/// Which calls an observer is shown, and what it is called. Each is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ObserverOptions {
    pub(crate) name: Option<String>,
    pub(crate) when: Vec<When>,
    pub(crate) allow_interruptible: bool,
}

impl HandlerOptions {
    /// After the built-ins, inline, for all arguments, and killing the tree if it fails.
    pub fn new() -> HandlerOptions {
        HandlerOptions::default()
    }

    /// The name in verdicts and errors; that of its Rust type if nothing is said.
    pub fn name(mut self, name: impl Into<String>) -> HandlerOptions {
        self.shown = self.shown.name(name);
        self
    }

    /// Where it stands in the order.
    pub fn priority(mut self, priority: Priority) -> HandlerOptions {
        self.priority = priority;
        self
    }

    /// Which thread calls it.
    pub fn mode(mut self, mode: Mode) -> HandlerOptions {
        self.mode = mode;
        self
    }

    /// Calls it on a thread of a pool, and refuses calls that it has not answered after
    /// `deadline`, at most an hour: [`Mode::Pooled`].
    pub fn pooled(self, deadline: Duration) -> HandlerOptions {
        self.mode(Mode::Pooled { deadline })
    }

    /// Asks only about calls whose arguments match. Several conditions must all hold.
    pub fn when(mut self, condition: When) -> HandlerOptions {
        self.shown = self.shown.when(condition);
        self
    }

    /// What it means that it failed.
    pub fn on_error(mut self, on_error: OnError) -> HandlerOptions {
        self.on_error = on_error;
        self
    }

    /// Accepts calls that a signal must not interrupt:
    /// [`ObserverOptions::allow_interruptible`].
    pub fn allow_interruptible(mut self, allow: bool) -> HandlerOptions {
        self.shown = self.shown.allow_interruptible(allow);
        self
    }
}

/// What both have: a name and conditions.
impl From<ObserverOptions> for HandlerOptions {
    fn from(shown: ObserverOptions) -> HandlerOptions {
        HandlerOptions { shown, ..HandlerOptions::default() }
    }
}

impl ObserverOptions {
    /// All arguments.
    pub fn new() -> ObserverOptions {
        ObserverOptions::default()
    }

    /// The name in errors; that of its Rust type if nothing is said.
    pub fn name(mut self, name: impl Into<String>) -> ObserverOptions {
        self.name = Some(name.into());
        self
    }

    /// Shows only calls whose arguments match. Several conditions must all hold.
    pub fn when(mut self, condition: When) -> ObserverOptions {
        self.when.push(condition);
        self
    }

    /// Accepts calls that a signal must not interrupt: close, dup, fork, clone, wait and their like.
    /// A call that waits for the supervisor when a signal comes fails with EINTR, or is made once
    /// more, if the supervisor has not received it yet; programs do not expect that of these.
    pub fn allow_interruptible(mut self, allow: bool) -> ObserverOptions {
        self.allow_interruptible = allow;
        self
    }
}
