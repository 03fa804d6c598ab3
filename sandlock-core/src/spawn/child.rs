//! What runs between clone and exec. It shares memory and thread pointer with a running thread of
//! the host, so: raw system calls only, no allocation, no lock, no panic, no thread-local.

#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};

use libc::sock_filter;

use super::report::Report;
use crate::step::Step;
use crate::sys::raw::{self, Errno};
use crate::sys::{capability, landlock, seccomp, signal};

/// A step with everything it needs, prepared by the owner.
#[derive(Clone, Copy)]
pub(crate) enum Action {
    DieWithKeeper,
    NewSession,
    NewGroup,
    Foreground { terminal: i32 },
    ResetSignals,
    Limit { resource: u32, value: u64 },
    ChangeDirectory { directory: i32 },
    NoNewPrivileges,
    Landlock { ruleset: i32 },
    DropCapabilities { keep: u64 },
    Listener { program: *const [sock_filter], flags: u64 },
    Descriptors { stdio: [Option<i32>; 3] },
    Filter { program: *const [sock_filter] },
}

/// Everything the child does and executes. All pointers stay valid until the keeper has ended.
pub(crate) struct Script {
    pub(crate) actions: Vec<Action>,
    pub(crate) path: *const c_char,
    pub(crate) argv: *const *const c_char,
    pub(crate) envp: *const *const c_char,
    pub(crate) report: *const Report,
}

/// The child's entry; `script` is a [`Script`].
pub(crate) extern "C" fn run(script: *mut c_void) -> ! {
    // SAFETY: the owner keeps script and report alive until the keeper has ended.
    let (script, report) = unsafe {
        let script = &*script.cast::<Script>();
        (script, &*script.report)
    };
    for action in &script.actions {
        if let Err((step, errno)) = perform(action, report) {
            report.fail(step, errno);
            raw::exit(127);
        }
    }
    report.set_set_up();
    // SAFETY: path, argv and envp were made of CStrings that outlive the keeper.
    let errno = unsafe { raw::execve(script.path, script.argv, script.envp) };
    report.fail(Step::Execute, errno);
    raw::exit(127)
}

fn perform(action: &Action, report: &Report) -> Result<(), (Step, Errno)> {
    let (step, result) = match *action {
        Action::DieWithKeeper => (Step::DieWithKeeper, die_with_keeper(report.keeper())),
        Action::NewSession => (Step::NewSession, raw::setsid()),
        Action::NewGroup => (Step::NewSession, raw::lead_group()),
        Action::Foreground { terminal } => (Step::Foreground, take_foreground(terminal)),
        Action::ResetSignals => (Step::ResetSignals, reset_signals(report.without_handlers())),
        Action::Limit { resource, value } => (Step::Limit, raw::set_rlimit(resource, value)),
        Action::ChangeDirectory { directory } => (Step::ChangeDirectory, raw::fchdir(directory)),
        Action::NoNewPrivileges => (Step::NoNewPrivileges, raw::set_no_new_privileges()),
        Action::Landlock { ruleset } => (Step::Landlock, landlock::restrict_self(ruleset)),
        Action::DropCapabilities { keep } => (Step::DropCapabilities, capability::keep_only(keep)),
        Action::Listener { program, flags } => {
            // SAFETY: the program lives as long as the script.
            let program = unsafe { &*program };
            let listener = seccomp::install(program, flags);
            (Step::Listener, listener.map(|fd| report.set_listener(fd as i32)))
        }
        Action::Descriptors { stdio } => (Step::Descriptors, set_up_descriptors(stdio)),
        Action::Filter { program } => {
            // SAFETY: the program lives as long as the script.
            let program = unsafe { &*program };
            (Step::Filter, seccomp::install(program, 0).map(drop))
        }
    };
    result.map_err(|errno| (step, errno))
}

/// In a group of its own: what the terminal sends must not reach the host.
fn take_foreground(terminal: i32) -> Result<(), Errno> {
    raw::lead_group()?;
    raw::take_foreground(terminal)
}

/// The signal is not sent for a keeper that was killed before it was asked for.
fn die_with_keeper(keeper: i32) -> Result<(), Errno> {
    raw::set_parent_death_signal(libc::SIGKILL)?;
    if raw::getppid() == keeper { Ok(()) } else { Err(libc::ESRCH) }
}

/// Resets what the host handles, if anything is left of that, before anything is unblocked: its
/// handlers must not run here. What it ignores stays ignored, but for signals that programs rely on.
fn reset_signals(without_handlers: bool) -> Result<(), Errno> {
    for number in [libc::SIGPIPE, libc::SIGXFSZ, libc::SIGCHLD] {
        signal::reset(number)?;
    }
    let handled = if without_handlers { 0 } else { 64 };
    for number in 1..=handled {
        if signal::disposition(number)? == signal::Disposition::Handled {
            signal::reset(number)?;
        }
    }
    signal::set_mask(0).map(drop)
}

/// What the program's descriptor 2 can be a copy of; all else that is copied is above it.
pub(crate) const STDOUT: i32 = 1;

/// From here on the descriptor table is the child's own, so the host's cannot be harmed.
fn set_up_descriptors(stdio: [Option<i32>; 3]) -> Result<(), Errno> {
    raw::own_descriptors(3, true)?;
    for (target, source) in (0..).zip(stdio) {
        let Some(source) = source else { continue };
        // In a host that has closed its own, the number can be that of a descriptor of the library.
        if source == STDOUT && !raw::is_inherited(source)? {
            return Err(libc::EBADF);
        }
        raw::dup_onto(source, target)?;
    }
    Ok(())
}
