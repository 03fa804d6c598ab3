//! One error type for the whole crate, with permanently numbered kinds.

use std::fmt;
use std::sync::Arc;

use crate::listed::listed;
use crate::output::Output;
use crate::step::Step;
use crate::syscall::{Syscall, SyscallError};
use crate::text::describe_errno;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

listed! {
    /// What went wrong, as a number that never changes its meaning.
    ///
    /// The same numbers are the status codes of the C library; `0` is success there.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[repr(i32)]
    #[non_exhaustive]
    pub enum ErrorKind {
        /// A setting is unknown, malformed or contradicts another one.
        Policy = 1,
        /// This kernel cannot enforce what the policy asks for.
        Unsupported = 2,
        /// The command, or something else that was asked for one start, cannot be used: it is empty,
        /// holds a NUL byte, or names a stream that nobody would serve.
        Command = 3,
        /// The command does not exist.
        NotFound = 4,
        /// The command exists but cannot be executed, or the policy does not let it start.
        CannotExecute = 5,
        /// The program could not be started, or the calling thread not be confined;
        /// [`Error::step`] says where it failed.
        Spawn = 6,
        /// A system call of the library itself failed.
        Io = 7,
        /// A handler failed, and the tree was killed; [`Error::handler_error`] says which one.
        Handler = 8,
        /// A handler cannot be registered for that call, or with these options.
        Registration = 9,
        /// An argument cannot be used, whatever it is about: a null pointer, an unknown number or
        /// size, text that is not UTF-8. Most of it comes up only where a language has no types for it.
        Argument = 10,
        /// A bug of this library.
        Internal = 11,
        /// The task that waited for an answer waits no more: [`TaskError::Gone`](crate::TaskError::Gone).
        TaskGone = 12,
        /// Memory of the task is not mapped: [`TaskError::Unmapped`](crate::TaskError::Unmapped).
        TaskMemory = 13,
        /// Something of the task is longer than the limit: [`TaskError::TooLong`](crate::TaskError::TooLong).
        TooLong = 14,
        /// Something else about the task could not be done.
        Task = 15,
    }
}

impl ErrorKind {
    /// The permanent number of this kind.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The name, for languages and formats that have no such type: `not_found`.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::Policy => "policy",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::Command => "command",
            ErrorKind::NotFound => "not_found",
            ErrorKind::CannotExecute => "cannot_execute",
            ErrorKind::Spawn => "spawn",
            ErrorKind::Io => "io",
            ErrorKind::Handler => "handler",
            ErrorKind::Registration => "registration",
            ErrorKind::Argument => "argument",
            ErrorKind::Internal => "internal",
            ErrorKind::TaskGone => "task_gone",
            ErrorKind::TaskMemory => "task_memory",
            ErrorKind::TooLong => "too_long",
            ErrorKind::Task => "task",
        }
    }
}

/// One thing that is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Dotted path of the setting, `limits.file_size` or `fs.read[2]`.
    pub setting: String,
    /// What is wrong, without the path.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(setting: impl Into<String>, message: impl Into<String>) -> Self {
        Problem { setting: setting.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)
    }
}

/// A handler or observer that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("handler {handler} of {syscall}: {message}")]
#[non_exhaustive]
pub struct HandlerError {
    /// The call that it was asked about.
    pub syscall: Syscall,
    /// Its [name](crate::HandlerOptions::name).
    pub handler: String,
    /// What went wrong, as a panic's message.
    pub message: String,
    pub(crate) cause: Option<Cause>,
}

impl HandlerError {
    /// The error that the handler gave for its failure, if it gave one:
    /// [`NotifAction::Fail`](crate::NotifAction::Fail), [`HandlerCtx::fail`](crate::HandlerCtx::fail).
    ///
    /// # Examples
    ///
    /// ```
    /// use sandlock::{HandlerCtx, NotifAction, Policy, Sandbox};
    ///
    /// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
    /// let sandbox = Sandbox::new(policy)?.add_handler("uname", |_: &HandlerCtx<'_>| {
    ///     NotifAction::Fail(Box::new(std::io::Error::from_raw_os_error(28)))
    /// })?;
    /// let error = sandbox.run(["uname"]).unwrap_err();
    /// let cause = error.handler_error().and_then(|failure| failure.cause()).expect("a cause");
    /// assert_eq!(cause.downcast_ref::<std::io::Error>().unwrap().raw_os_error(), Some(28));
    /// # Ok::<(), sandlock::Error>(())
    /// ```
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.cause.as_ref().map(|cause| &*cause.0)
    }
}

/// An error of somebody else: equal to itself alone.
#[derive(Clone, Debug)]
pub(crate) struct Cause(Arc<dyn std::error::Error + Send + Sync>);

impl Cause {
    pub(crate) fn new(error: Box<dyn std::error::Error + Send + Sync>) -> Cause {
        Cause(error.into())
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Cause) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Cause {}

/// Why something could not be done.
///
/// [`Display`](fmt::Display) prints one line with everything a user needs, the hint included.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error(Box<Details>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    kind: ErrorKind,
    message: String,
    problems: Vec<Problem>,
    step: Option<Step>,
    errno: Option<i32>,
    hint: Option<String>,
    handler: Option<HandlerError>,
    output: Option<Output>,
}

impl Error {
    /// An error of this kind with nothing but a message, for the other surfaces.
    #[doc(hidden)]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Details {
            kind,
            message: message.into(),
            problems: Vec::new(),
            step: None,
            errno: None,
            hint: None,
            handler: None,
            output: None,
        }))
    }

    /// All problems of a policy at once.
    pub(crate) fn policy(problems: Vec<Problem>) -> Self {
        Error::listing(ErrorKind::Policy, problems)
    }

    pub(crate) fn listing(kind: ErrorKind, problems: Vec<Problem>) -> Self {
        let mut error = Error::new(kind, "");
        error.0.problems = problems;
        error
    }

    /// A failed system call of our own: `call` names it with its arguments.
    pub(crate) fn io(call: impl Into<String>, errno: i32) -> Self {
        let message = format!("{}: {}", call.into(), describe_errno(errno));
        Error::new(ErrorKind::Io, message).with_errno(errno)
    }

    /// As wait(2), which knows only what this process started itself.
    pub(crate) fn of_other_process() -> Self {
        let error = Error::io("wait(program)", libc::ECHILD);
        error.with_hint("this process was forked from the one that started the program")
    }

    /// A step of a start, or of confining a thread, that failed.
    pub(crate) fn step_failed(step: Step, errno: i32) -> Self {
        let message = format!("cannot {step}: {}", describe_errno(errno));
        Error::new(ErrorKind::Spawn, message).with_step(step).with_errno(errno)
    }

    /// A handler that failed.
    pub(crate) fn handler(failure: HandlerError) -> Self {
        let mut error = Error::new(ErrorKind::Handler, failure.to_string());
        error.0.handler = Some(failure);
        error
    }

    /// What a run left that a handler's failure ended.
    pub(crate) fn with_output(mut self, output: Output) -> Self {
        self.0.output = Some(output);
        self
    }

    pub(crate) fn with_handler(mut self, failure: HandlerError) -> Self {
        self.0.handler = Some(failure);
        self
    }

    /// A handler that cannot be registered for `call`.
    pub(crate) fn registration(call: impl fmt::Display, reason: impl fmt::Display) -> Self {
        let message = format!("no handler can be registered for {call}: {reason}");
        Error::new(ErrorKind::Registration, message)
    }

    pub(crate) fn with_errno(mut self, errno: i32) -> Self {
        self.0.errno = Some(errno);
        self
    }

    pub(crate) fn with_step(mut self, step: Step) -> Self {
        self.0.step = Some(step);
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The `errno` behind the failure, where there is one.
    pub fn errno(&self) -> Option<i32> {
        self.0.errno
    }

    /// The step of the start that failed, for errors that came up after the first clone, or of
    /// [`confine_self`](crate::confine_self):
    /// [`ErrorKind::Spawn`], and some of [`ErrorKind::CannotExecute`] and [`ErrorKind::Policy`].
    pub fn step(&self) -> Option<Step> {
        self.0.step
    }

    /// The dotted path of the (first) setting at fault.
    pub fn setting(&self) -> Option<&str> {
        self.0.problems.first().map(|problem| problem.setting.as_str())
    }

    /// Every problem found in the settings; empty when the failure has another cause.
    pub fn problems(&self) -> &[Problem] {
        &self.0.problems
    }

    /// The handler that failed, for [`ErrorKind::Handler`] and for a start that its failure refused.
    pub fn handler_error(&self) -> Option<&HandlerError> {
        self.0.handler.as_ref()
    }

    /// What the program left that a handler's failure ended ([`ErrorKind::Handler`]), which may not have
    /// been executed.
    pub fn output(&self) -> Option<&Output> {
        self.0.output.as_ref()
    }

    /// A way out, where one is known.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for (index, problem) in self.0.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        match &self.0.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

/// No such call: [`ErrorKind::Registration`].
impl From<SyscallError> for Error {
    fn from(error: SyscallError) -> Error {
        Error::new(ErrorKind::Registration, error.to_string())
    }
}

/// Of the kind of its `errno`, where it has one.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> std::io::Error {
        let kind = error.errno().map(|errno| std::io::Error::from_raw_os_error(errno).kind());
        std::io::Error::new(kind.unwrap_or(std::io::ErrorKind::Other), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_kinds_are_permanent() {
        let numbers: Vec<i32> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(numbers, Vec::from_iter(1..=15));
    }

    #[test]
    fn every_problem_and_the_hint_are_on_the_one_line() {
        let error = Error::policy(vec![
            Problem::new("limits.memry", "unknown setting"),
            Problem::new("fs.read[0]", "must not be empty"),
        ])
        .with_hint("see docs/settings.md");
        assert_eq!(
            error.to_string(),
            "limits.memry: unknown setting; fs.read[0]: must not be empty \
             (hint: see docs/settings.md)"
        );
        assert_eq!(error.setting(), Some("limits.memry"));
    }
}
