//! Statuses and error objects.

use std::ffi::{CString, c_char};

use sandlock::{Error, Problem};

use crate::guard::{free, look};
use crate::handler_error::sandlock_handler_error;
use crate::output::sandlock_output;
use crate::text::{c_text, lent};

/// What became of a call: SANDLOCK_OK, or one of SANDLOCK_ERROR_; for functions that wait for a time also
/// SANDLOCK_RUNNING. The numbers never change their meaning; later versions can have more.
pub type sandlock_status = i32;

/// It was done.
pub const SANDLOCK_OK: sandlock_status = 0;
/// Nothing is wrong, but something of the tree still runs: see sandlock_child_wait_timeout(). There is
/// no error object.
pub const SANDLOCK_RUNNING: sandlock_status = -1;
/// A setting is unknown, malformed or contradicts another one; sandlock_error_setting() says which.
pub const SANDLOCK_ERROR_POLICY: sandlock_status = 1;
/// This kernel cannot enforce what the policy asks for.
pub const SANDLOCK_ERROR_UNSUPPORTED: sandlock_status = 2;
/// The command, or something else that was asked for one start, cannot be used: it is empty, or names
/// a stream that nobody would serve.
pub const SANDLOCK_ERROR_COMMAND: sandlock_status = 3;
/// The command does not exist.
pub const SANDLOCK_ERROR_NOT_FOUND: sandlock_status = 4;
/// The command exists but cannot be executed, or the policy does not let it start.
pub const SANDLOCK_ERROR_CANNOT_EXECUTE: sandlock_status = 5;
/// The program could not be started, or a thread not be confined; sandlock_error_step() says where it
/// failed.
pub const SANDLOCK_ERROR_SPAWN: sandlock_status = 6;
/// A system call of the library itself failed; sandlock_error_errno() says how.
pub const SANDLOCK_ERROR_IO: sandlock_status = 7;
/// A handler failed, and the tree was killed; sandlock_error_handler_error() says which one.
pub const SANDLOCK_ERROR_HANDLER: sandlock_status = 8;
/// A handler or observer cannot be registered for that call, or with these options.
pub const SANDLOCK_ERROR_REGISTRATION: sandlock_status = 9;
/// An argument cannot be used: a NULL pointer, an unknown number or size, a text that is not UTF-8.
pub const SANDLOCK_ERROR_ARGUMENT: sandlock_status = 10;
/// A bug of this library.
pub const SANDLOCK_ERROR_INTERNAL: sandlock_status = 11;
/// The task that waited for an answer waits no more.
pub const SANDLOCK_ERROR_TASK_GONE: sandlock_status = 12;
/// Memory of the task is not mapped.
pub const SANDLOCK_ERROR_TASK_MEMORY: sandlock_status = 13;
/// Something of the task is longer than the limit or the buffer.
pub const SANDLOCK_ERROR_TOO_LONG: sandlock_status = 14;
/// Something else about the task could not be done.
pub const SANDLOCK_ERROR_TASK: sandlock_status = 15;

/// Creating the keeper.
pub const SANDLOCK_STEP_KEEPER: i32 = 1;
/// Setting the keeper up as the reaper of the tree.
pub const SANDLOCK_STEP_SUBREAPER: i32 = 2;
/// Creating the child.
pub const SANDLOCK_STEP_CHILD: i32 = 3;
/// Binding the child to its keeper.
pub const SANDLOCK_STEP_DIE_WITH_KEEPER: i32 = 4;
/// Starting a session or group.
pub const SANDLOCK_STEP_NEW_SESSION: i32 = 5;
/// Resetting signals.
pub const SANDLOCK_STEP_RESET_SIGNALS: i32 = 6;
/// Setting a resource limit.
pub const SANDLOCK_STEP_LIMIT: i32 = 7;
/// Changing the directory.
pub const SANDLOCK_STEP_CHANGE_DIRECTORY: i32 = 8;
/// Setting no_new_privs.
pub const SANDLOCK_STEP_NO_NEW_PRIVILEGES: i32 = 9;
/// Applying the Landlock rules.
pub const SANDLOCK_STEP_LANDLOCK: i32 = 10;
/// Dropping capabilities.
pub const SANDLOCK_STEP_DROP_CAPABILITIES: i32 = 11;
/// Setting up the descriptors.
pub const SANDLOCK_STEP_DESCRIPTORS: i32 = 12;
/// Installing the seccomp filter.
pub const SANDLOCK_STEP_FILTER: i32 = 13;
/// Executing the program.
pub const SANDLOCK_STEP_EXECUTE: i32 = 14;
/// Taking the terminal's foreground.
pub const SANDLOCK_STEP_FOREGROUND: i32 = 15;
/// Bounding whom the keeper can signal to its own tree.
pub const SANDLOCK_STEP_KEEPER_SCOPE: i32 = 16;
/// Installing the filter that asks the supervisor.
pub const SANDLOCK_STEP_LISTENER: i32 = 17;

/// Why something could not be done. It never changes; texts and objects that it gives out live as long
/// as it does.
pub struct sandlock_error {
    error: Error,
    message: CString,
    problems: Vec<(CString, CString)>,
    hint: Option<CString>,
    handler: Option<sandlock_handler_error>,
    output: Option<sandlock_output>,
}

impl sandlock_error {
    pub(crate) fn status(&self) -> sandlock_status {
        self.error.kind().code()
    }

    pub(crate) fn new(error: Error) -> sandlock_error {
        let texts = |problem: &Problem| (c_text(&problem.setting), c_text(&problem.message));
        sandlock_error {
            message: c_text(error.to_string()),
            problems: error.problems().iter().map(texts).collect(),
            hint: error.hint().map(c_text),
            handler: error.handler_error().cloned().map(sandlock_handler_error::new),
            output: error.output().cloned().map(sandlock_output::new),
            error,
        }
    }
}

/// The status that came with the error. SANDLOCK_OK for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_error_kind(err: Option<&sandlock_error>) -> sandlock_status {
    look(err, SANDLOCK_OK, sandlock_error::status)
}

/// The errno(3) behind the failure; 0 where there is none, and for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_error_errno(err: Option<&sandlock_error>) -> i32 {
    look(err, 0, |err| err.error.errno().unwrap_or(0))
}

/// One line with everything that a user needs, settings and hint included, UTF-8; "no error" for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_error_message(err: Option<&sandlock_error>) -> *const c_char {
    look(err, c"no error".as_ptr(), |err| err.message.as_ptr())
}

/// The dotted path of the setting at fault, the first where there are several; NULL where none is.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_error_setting(err: Option<&sandlock_error>) -> *const c_char {
    look(err, std::ptr::null(), |err| lent(err.problems.first().map(|(setting, _)| setting)))
}

/// A way out, where one is known; NULL otherwise.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_error_hint(err: Option<&sandlock_error>) -> *const c_char {
    look(err, std::ptr::null(), |err| lent(err.hint.as_ref()))
}

/// The step of a start, or of sandlock_confine_self(), that failed, one of SANDLOCK_STEP_; 0 where it was none.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_error_step(err: Option<&sandlock_error>) -> i32 {
    look(err, 0, |err| err.error.step().map_or(0, |step| step as i32))
}

/// How many problems with settings there are; they are found all at once.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_error_problem_count(err: Option<&sandlock_error>) -> usize {
    look(err, 0, |err| err.problems.len())
}

/// The dotted path of the setting of problem `index`; NULL where there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_error_problem_setting(
    err: Option<&sandlock_error>,
    index: usize,
) -> *const c_char {
    look(err, std::ptr::null(), |err| lent(err.problems.get(index).map(|(setting, _)| setting)))
}

/// What is wrong with the setting of problem `index`; NULL where there are not so many.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_error_problem_message(
    err: Option<&sandlock_error>,
    index: usize,
) -> *const c_char {
    look(err, std::ptr::null(), |err| lent(err.problems.get(index).map(|(_, message)| message)))
}

/// The handler that failed, for SANDLOCK_ERROR_HANDLER and for a start that its failure refused; NULL
/// otherwise.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_error_handler_error(
    err: Option<&sandlock_error>,
) -> Option<&sandlock_handler_error> {
    err.and_then(|err| err.handler.as_ref())
}

/// What the program left, where it was running when a handler's failure ended it; NULL otherwise.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_error_output(err: Option<&sandlock_error>) -> Option<&sandlock_output> {
    err.and_then(|err| err.output.as_ref())
}

/// Frees an error. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_error_free(err: Option<Box<sandlock_error>>) {
    free(err);
}

/// What a status means, in a few words; a text of the library's own, also for unknown numbers.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_status_text(status: sandlock_status) -> *const c_char {
    let text = match status {
        SANDLOCK_OK => c"ok",
        SANDLOCK_RUNNING => c"still running",
        SANDLOCK_ERROR_POLICY => c"a setting is wrong",
        SANDLOCK_ERROR_UNSUPPORTED => c"this kernel cannot enforce it",
        SANDLOCK_ERROR_COMMAND => c"the command cannot be used",
        SANDLOCK_ERROR_NOT_FOUND => c"the command does not exist",
        SANDLOCK_ERROR_CANNOT_EXECUTE => c"the command cannot be executed",
        SANDLOCK_ERROR_SPAWN => c"a step of starting or confining failed",
        SANDLOCK_ERROR_IO => c"a system call failed",
        SANDLOCK_ERROR_HANDLER => c"a handler failed",
        SANDLOCK_ERROR_REGISTRATION => c"the handler cannot be registered",
        SANDLOCK_ERROR_ARGUMENT => c"an argument cannot be used",
        SANDLOCK_ERROR_INTERNAL => c"a bug of sandlock",
        SANDLOCK_ERROR_TASK_GONE => c"the task no longer waits for an answer",
        SANDLOCK_ERROR_TASK_MEMORY => c"memory of the task is not mapped",
        SANDLOCK_ERROR_TOO_LONG => c"longer than the limit",
        SANDLOCK_ERROR_TASK => c"it could not be done for the task",
        _ => c"unknown status",
    };
    text.as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandlock::{ErrorKind, Step};

    /// Programs were compiled with these numbers.
    const STATUSES: [(ErrorKind, sandlock_status, i32); 15] = [
        (ErrorKind::Policy, SANDLOCK_ERROR_POLICY, 1),
        (ErrorKind::Unsupported, SANDLOCK_ERROR_UNSUPPORTED, 2),
        (ErrorKind::Command, SANDLOCK_ERROR_COMMAND, 3),
        (ErrorKind::NotFound, SANDLOCK_ERROR_NOT_FOUND, 4),
        (ErrorKind::CannotExecute, SANDLOCK_ERROR_CANNOT_EXECUTE, 5),
        (ErrorKind::Spawn, SANDLOCK_ERROR_SPAWN, 6),
        (ErrorKind::Io, SANDLOCK_ERROR_IO, 7),
        (ErrorKind::Handler, SANDLOCK_ERROR_HANDLER, 8),
        (ErrorKind::Registration, SANDLOCK_ERROR_REGISTRATION, 9),
        (ErrorKind::Argument, SANDLOCK_ERROR_ARGUMENT, 10),
        (ErrorKind::Internal, SANDLOCK_ERROR_INTERNAL, 11),
        (ErrorKind::TaskGone, SANDLOCK_ERROR_TASK_GONE, 12),
        (ErrorKind::TaskMemory, SANDLOCK_ERROR_TASK_MEMORY, 13),
        (ErrorKind::TooLong, SANDLOCK_ERROR_TOO_LONG, 14),
        (ErrorKind::Task, SANDLOCK_ERROR_TASK, 15),
    ];

    const STEPS: [(Step, i32, i32); 17] = [
        (Step::Keeper, SANDLOCK_STEP_KEEPER, 1),
        (Step::Subreaper, SANDLOCK_STEP_SUBREAPER, 2),
        (Step::Child, SANDLOCK_STEP_CHILD, 3),
        (Step::DieWithKeeper, SANDLOCK_STEP_DIE_WITH_KEEPER, 4),
        (Step::NewSession, SANDLOCK_STEP_NEW_SESSION, 5),
        (Step::ResetSignals, SANDLOCK_STEP_RESET_SIGNALS, 6),
        (Step::Limit, SANDLOCK_STEP_LIMIT, 7),
        (Step::ChangeDirectory, SANDLOCK_STEP_CHANGE_DIRECTORY, 8),
        (Step::NoNewPrivileges, SANDLOCK_STEP_NO_NEW_PRIVILEGES, 9),
        (Step::Landlock, SANDLOCK_STEP_LANDLOCK, 10),
        (Step::DropCapabilities, SANDLOCK_STEP_DROP_CAPABILITIES, 11),
        (Step::Descriptors, SANDLOCK_STEP_DESCRIPTORS, 12),
        (Step::Filter, SANDLOCK_STEP_FILTER, 13),
        (Step::Execute, SANDLOCK_STEP_EXECUTE, 14),
        (Step::Foreground, SANDLOCK_STEP_FOREGROUND, 15),
        (Step::KeeperScope, SANDLOCK_STEP_KEEPER_SCOPE, 16),
        (Step::Listener, SANDLOCK_STEP_LISTENER, 17),
    ];

    #[test]
    fn numbers_of_statuses_are_permanent() {
        for (kind, status, number) in STATUSES {
            assert_eq!((kind.code(), status), (number, number), "{kind:?}");
        }
        assert_eq!(ErrorKind::ALL, STATUSES.map(|(kind, ..)| kind));
        assert_eq!((SANDLOCK_OK, SANDLOCK_RUNNING), (0, -1));
    }

    #[test]
    fn numbers_of_steps_are_permanent() {
        for (step, constant, number) in STEPS {
            assert_eq!((step as i32, constant), (number, number), "{step:?}");
        }
        assert_eq!(Step::ALL, STEPS.map(|(step, ..)| step));
    }

    #[test]
    fn every_status_has_its_text() {
        let text = |status| {
            // SAFETY: a text of the library's own.
            unsafe { std::ffi::CStr::from_ptr(sandlock_status_text(status)) }
        };
        let known = STATUSES.map(|(_, status, _)| status).into_iter().chain([-1, 0]);
        let mut texts: Vec<_> = known.chain([16]).map(text).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), 18);
    }
}
