//! Everything a start needs, prepared by the owner before the first clone.

use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::resource::getrlimit;

use super::child::{Action, STDOUT, Script};
use super::command::Command;
use super::directory::Directory;
use super::report::Report;
use crate::confine::Prepared;
use crate::confine::trap::TrapFilter;
use crate::error::{Error, Result};
use crate::plan::{ChildStep, Resource};
use crate::policy::Capability;
use crate::sys::descriptor::above_stdio;

/// Where one of the program's descriptors 0, 1 and 2 comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The caller's own of the same number.
    Inherit,
    /// `/dev/null`.
    Null,
    /// This one, which is above 2.
    Given(OwnedFd),
    /// Whatever descriptor 1 is; for descriptor 2.
    Stdout,
}

/// The session and process group that a program starts in.
#[derive(Debug)]
pub(crate) enum Session {
    /// A session of its own, without a terminal.
    Own,
    /// The caller's session and group.
    Callers,
    /// A group of its own in the caller's session.
    OwnGroup,
    /// A group of its own in the caller's session, which becomes the foreground group of this
    /// terminal.
    Foreground(OwnedFd),
}

/// What a caller asks of a start, beside the command and the policy.
pub(crate) struct Surroundings {
    pub(crate) stdio: [Source; 3],
    pub(crate) session: Session,
    /// Whether the owner wants to hear when the program has been executed, and when it stops.
    pub(crate) bell: bool,
    /// After which time the tree is ended.
    pub(crate) timeout: Option<Duration>,
}

/// A start that only needs to be carried out. Owns all that keeper and child reach by pointer or
/// by number.
pub(crate) struct Start {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) command: Command,
    pub(crate) surroundings: Surroundings,
    pub(crate) script: Box<Script>,
    pub(crate) report: Arc<Report>,
    /// Rung by the keeper when the program has been executed, and when it stops.
    pub(crate) bell: Option<OwnedFd>,
    _trap: Option<Arc<TrapFilter>>,
    _argv: Vec<*const std::ffi::c_char>,
    _envp: Vec<*const std::ffi::c_char>,
}

impl Start {
    /// Prepares the start of `command`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when this process has no descriptors left.
    pub(crate) fn new(
        prepared: Arc<Prepared>,
        trap: Option<Arc<TrapFilter>>,
        command: Command,
        surroundings: Surroundings,
    ) -> Result<Start> {
        let directory = command.directory.as_ref();
        let actions = actions(&prepared, trap.as_deref(), &surroundings, directory)?;
        let bell = surroundings.bell.then(bell);
        let report = Arc::new(Report::new());
        let argv = pointers(&command.argv);
        let envp = pointers(&command.envp);
        let script = Box::new(Script {
            actions,
            path: command.path_text.as_ptr(),
            argv: argv.as_ptr(),
            envp: envp.as_ptr(),
            report: &raw const *report,
        });
        Ok(Start {
            prepared,
            command,
            surroundings,
            script,
            report,
            bell: bell.transpose()?,
            _trap: trap,
            _argv: argv,
            _envp: envp,
        })
    }
}

/// The plan's steps, with what they need here.
fn actions(
    prepared: &Prepared,
    trap: Option<&TrapFilter>,
    surroundings: &Surroundings,
    directory: Option<&Directory>,
) -> Result<Vec<Action>> {
    let mut actions = Vec::with_capacity(prepared.plan.steps.len() + 2);
    let mut listener =
        trap.map(|trap| Action::Listener { program: &raw const *trap.program, flags: trap.flags });
    for step in &prepared.plan.steps {
        if matches!(step, ChildStep::Limit(Resource::OpenFiles, _) | ChildStep::Descriptors) {
            // While the table is the host's, and has room.
            actions.extend(listener.take());
        }
        let action = match step {
            ChildStep::DieWithKeeper => Action::DieWithKeeper,
            ChildStep::NewSession => match &surroundings.session {
                Session::Own => Action::NewSession,
                Session::Callers => continue,
                Session::OwnGroup => Action::NewGroup,
                Session::Foreground(terminal) => {
                    Action::Foreground { terminal: terminal.as_raw_fd() }
                }
            },
            ChildStep::ResetSignals => Action::ResetSignals,
            ChildStep::Limit(resource, value) => limit(*resource, *value)?,
            // Where the policy's would be, the command's: for one start alone it can be another.
            ChildStep::ChangeDirectory(_) => continue,
            ChildStep::NoNewPrivileges => {
                actions.extend(directory.map(|directory| Action::ChangeDirectory {
                    directory: directory.fd.as_raw_fd(),
                }));
                Action::NoNewPrivileges
            }
            ChildStep::Landlock => Action::Landlock { ruleset: prepared.ruleset.as_raw_fd() },
            ChildStep::DropCapabilities(kept) => {
                Action::DropCapabilities { keep: Capability::mask(kept) }
            }
            ChildStep::Descriptors => {
                Action::Descriptors { stdio: numbers(prepared, &surroundings.stdio)? }
            }
            ChildStep::Filter => Action::Filter { program: &raw const *prepared.filter },
        };
        actions.push(action);
    }
    Ok(actions)
}

/// What the child puts in the place of 0, 1 and 2.
fn numbers(prepared: &Prepared, stdio: &[Source; 3]) -> Result<[Option<RawFd>; 3]> {
    let mut numbers = [None; 3];
    for (number, source) in numbers.iter_mut().zip(stdio) {
        *number = match source {
            Source::Inherit => None,
            Source::Null => Some(prepared.null()?.as_raw_fd()),
            Source::Given(fd) => Some(fd.as_raw_fd()),
            // The child sets up 1 before 2.
            Source::Stdout => Some(STDOUT),
        };
    }
    Ok(numbers)
}

fn bell() -> Result<OwnedFd> {
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    let bell = EventFd::from_value_and_flags(0, flags)
        .map_err(|errno| Error::io("eventfd2(0, EFD_CLOEXEC | EFD_NONBLOCK)", errno as i32))?;
    above_stdio(bell.into())
}

fn pointers(texts: &[CString]) -> Vec<*const std::ffi::c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

/// The lower of `value` and the caller's own hard limit, which nobody unprivileged can exceed.
fn limit(resource: Resource, value: u64) -> Result<Action> {
    use nix::sys::resource::Resource as Rlimit;
    let resource = match resource {
        Resource::CoreSize => Rlimit::RLIMIT_CORE,
        Resource::FileSize => Rlimit::RLIMIT_FSIZE,
        Resource::OpenFiles => Rlimit::RLIMIT_NOFILE,
    };
    let (_, hard) = getrlimit(resource)
        .map_err(|errno| Error::io(format!("getrlimit({resource:?})"), errno as i32))?;
    Ok(Action::Limit { resource: resource as u32, value: value.min(hard) })
}
