//! Everything a start needs, prepared by the owner before the first clone.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use libc::sock_filter;
use nix::sys::resource::getrlimit;

use super::child::{Action, Script};
use super::command::Command;
use super::report::Report;
use crate::error::{Error, ErrorKind, Problem, Result};
use crate::plan::{ChildStep, Plan, Resource};
use crate::text::{describe_errno, errno_of, one_line};

/// Where the program's descriptors 0, 1 and 2 come from; `None` leaves the caller's.
#[derive(Debug, Default)]
pub(crate) struct Stdio<'a> {
    pub(crate) descriptors: [Option<BorrowedFd<'a>>; 3],
    /// Whether the program stays in the caller's session, with its terminal.
    pub(crate) interactive: bool,
}

/// A start that only needs to be carried out. Owns all that the child reaches by pointer.
pub(crate) struct Launch {
    pub(crate) command: Command,
    pub(crate) script: Box<Script>,
    pub(crate) report: Box<Report>,
    _argv: Vec<*const std::ffi::c_char>,
    _envp: Vec<*const std::ffi::c_char>,
    _directory: Option<OwnedFd>,
}

impl Launch {
    /// Prepares the start of `command` under `plan`. `ruleset`, `filter` and `stdio` must outlive
    /// the tree.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Policy`] for a `process.cwd` that is no directory.
    pub(crate) fn new(
        plan: &Plan,
        ruleset: BorrowedFd<'_>,
        filter: &[sock_filter],
        command: Command,
        stdio: &Stdio<'_>,
    ) -> Result<Launch> {
        let mut directory = None;
        let mut prepare = |step: &ChildStep| -> Result<Option<Action>> {
            Ok(Some(match step {
                ChildStep::DieWithKeeper => Action::DieWithKeeper,
                ChildStep::NewSession if stdio.interactive => return Ok(None),
                ChildStep::NewSession => Action::NewSession,
                ChildStep::ResetSignals => Action::ResetSignals,
                ChildStep::Limit(resource, value) => limit(*resource, *value)?,
                ChildStep::ChangeDirectory(path) => {
                    let opened = directory.insert(open_directory(path)?);
                    Action::ChangeDirectory { directory: opened.as_raw_fd() }
                }
                ChildStep::NoNewPrivileges => Action::NoNewPrivileges,
                ChildStep::Landlock => Action::Landlock { ruleset: ruleset.as_raw_fd() },
                ChildStep::DropCapabilities(kept) => Action::DropCapabilities {
                    keep: kept.iter().fold(0, |mask, capability| mask | 1 << capability.number()),
                },
                ChildStep::Descriptors => {
                    let numbers = stdio.descriptors.map(|fd| fd.map(|fd| fd.as_raw_fd()));
                    Action::Descriptors { stdio: numbers }
                }
                ChildStep::Filter => Action::Filter { program: filter },
            }))
        };
        let actions = plan.steps.iter().filter_map(|step| prepare(step).transpose());
        let actions = actions.collect::<Result<_>>()?;
        let report = Box::new(Report::new());
        let argv = pointers(&command.argv);
        let envp = pointers(&command.envp);
        let script = Box::new(Script {
            actions,
            path: command.path_text.as_ptr(),
            argv: argv.as_ptr(),
            envp: envp.as_ptr(),
            report: &raw const *report,
        });
        Ok(Launch { command, script, report, _argv: argv, _envp: envp, _directory: directory })
    }
}

fn pointers(texts: &[CString]) -> Vec<*const std::ffi::c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    let opened = File::options().read(true).custom_flags(flags).open(path);
    opened.map(OwnedFd::from).map_err(|error| {
        let errno = errno_of(&error);
        let message = format!("{}: {}", one_line(path), describe_errno(errno));
        Error::policy(vec![Problem::new("process.cwd", message)]).with_errno(errno)
    })
}

/// The lower of `value` and the caller's own hard limit, which nobody unprivileged can exceed.
fn limit(resource: Resource, value: u64) -> Result<Action> {
    use nix::sys::resource::Resource as Rlimit;
    let resource = match resource {
        Resource::CoreSize => Rlimit::RLIMIT_CORE,
        Resource::FileSize => Rlimit::RLIMIT_FSIZE,
        Resource::OpenFiles => Rlimit::RLIMIT_NOFILE,
    };
    let (_, hard) = getrlimit(resource).map_err(|errno| {
        Error::new(ErrorKind::Io, format!("getrlimit({resource:?}): {}", errno.desc()))
            .with_errno(errno as i32)
    })?;
    Ok(Action::Limit { resource: resource as u32, value: value.min(hard) })
}
