//! Who opens files for the program: a deputy, started when it is first needed.
//!
//! Landlock, capabilities and the file mode mask belong to a task, so one of ours can have the
//! program's. A mistake in what handlers or we think of a path then opens nothing that the policy does
//! not grant. The hand-over between two tasks takes some tens of microseconds; our own judgement of
//! the opened file would be faster and could be wrong.

use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::confine::Prepared;
use crate::error::Error;
use crate::handler::{HandlerCtx, TaskError};
use crate::spawn::{self, Refusal};
use crate::text::errno_of;
use crate::threads::locked;

/// What is to be opened.
pub(crate) struct Opening {
    /// Where a path begins that does not begin at the root.
    pub(crate) directory: Option<OwnedFd>,
    pub(crate) path: CString,
    pub(crate) flags: i32,
    pub(crate) mode: u32,
    pub(crate) resolve: u64,
}

/// Opens files with the rights of one tree.
pub(crate) struct Deputy {
    prepared: Option<Arc<Prepared>>,
    office: Mutex<Option<Office>>,
    /// Whether none is started any more.
    closed: AtomicBool,
}

/// A deputy that has begun.
struct Office {
    deputy: spawn::Deputy,
    /// What it may do, for comparison with a task.
    credentials: String,
}

impl Deputy {
    /// For tasks that are confined by `prepared`; without it nothing can be opened.
    pub(crate) fn new(prepared: Option<Arc<Prepared>>) -> Deputy {
        Deputy { prepared, office: Mutex::new(None), closed: AtomicBool::new(false) }
    }

    /// Opens `opening` with the rights of the task of `cx`.
    pub(crate) fn open(
        &self,
        cx: &HandlerCtx<'_>,
        opening: &Opening,
    ) -> Result<OwnedFd, TaskError> {
        cx.check_waiting()?;
        let status = status(cx, cx.task())?;
        cx.check_waiting()?;
        let mask = field(&status, "Umask:").and_then(|mask| u32::from_str_radix(mask, 8).ok());
        let mask = mask.ok_or(TaskError::Unsupported("/proc shows no file mode mask"))?;
        let directory = opening.directory.as_ref().map_or(libc::AT_FDCWD, AsRawFd::as_raw_fd);
        let Opening { path, flags, mode, resolve, .. } = opening;
        let (flags, mode, resolve) = (*flags, *mode, *resolve);
        let order = spawn::Opening { directory, path, flags, mode, mask, resolve };
        let mut place = locked(&self.office);
        let mut begun = 0;
        loop {
            let office = match &mut *place {
                Some(office) => office,
                none => {
                    begun += 1;
                    none.insert(self.start(cx)?)
                }
            };
            if credentials(&status) != office.credentials {
                let message = "the task has other credentials than at its start";
                return Err(TaskError::Unsupported(message));
            }
            let opened = office.deputy.open(&order, || cx.is_waiting());
            if opened.as_ref().err() != Some(&Refusal::Gone) {
                return opened.map_err(refused);
            }
            *place = None;
            cx.check_waiting()?;
            // It ends with the thread that started it, or was killed: once.
            if begun > 0 {
                return Err(refused(Refusal::Gone));
            }
        }
    }

    /// Ends it. Whoever waits in the office notices that the tree has ended, and leaves it.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        drop(locked(&self.office).take());
    }

    fn start(&self, cx: &HandlerCtx<'_>) -> Result<Office, TaskError> {
        let none = TaskError::Unsupported("nothing is known of the program's confinement");
        let prepared = self.prepared.as_ref().ok_or(none)?;
        if self.closed.load(Ordering::Acquire) {
            return Err(TaskError::Gone);
        }
        check_view(prepared)?;
        let failed = |error: Error| TaskError::Failed {
            call: "clone(deputy)".to_owned(),
            errno: error.errno().unwrap_or(libc::EIO),
        };
        let deputy = spawn::Deputy::start(prepared).map_err(failed)?;
        let credentials = credentials(&status(cx, deputy.pid())?);
        if view(cx, deputy.pid())? != view(cx, cx.task())? {
            return Err(TaskError::Unsupported("the task has another root, or other mounts"));
        }
        Ok(Office { deputy, credentials })
    }
}

fn refused(refusal: Refusal) -> TaskError {
    TaskError::Unsupported(match refusal {
        Refusal::Kernel(errno) => return TaskError::Open(errno),
        Refusal::Proc => "a file of /proc, which can differ by who opens it",
        Refusal::Kind => "neither a regular file, a directory nor a memory device",
        Refusal::Dangling => "creation through a link that leads nowhere",
        Refusal::Gone => "the process that opens files has been killed",
    })
}

/// What decides which file a path leads to: the root of a task, and its mounts.
fn view(cx: &HandlerCtx<'_>, task: i32) -> Result<(u64, u64, PathBuf), TaskError> {
    let look = |name: &str| {
        let path = format!("/proc/{task}/{name}");
        let failed = move |error| TaskError::failed(format!("stat({path})"), errno_of(&error));
        (PathBuf::from(format!("/proc/{task}/{name}")), failed)
    };
    let ((root, root_failed), (mounts, mounts_failed)) = (look("root"), look("ns/mnt"));
    let root = cx.in_our_proc(|| std::fs::metadata(root))?.map_err(root_failed)?;
    let mounts = cx.in_our_proc(|| std::fs::read_link(mounts))?.map_err(mounts_failed)?;
    Ok((root.dev(), root.ino(), mounts))
}

/// Calls by which a program could see other files under a path than we do.
const VIEW: [&str; 10] = [
    "chroot",
    "clone",
    "clone3",
    "fsmount",
    "mount",
    "move_mount",
    "open_tree",
    "pivot_root",
    "setns",
    "unshare",
];

/// Refuses to work for a program that may change its view of the file system.
fn check_view(prepared: &Prepared) -> Result<(), TaskError> {
    let filter = &prepared.plan.filter;
    let is_held = |name: &&str| {
        let number = filter.arch.number_of(name);
        number.is_some_and(|number| filter.verdicts.contains_key(&number))
    };
    match VIEW.iter().all(is_held) {
        true => Ok(()),
        false => {
            Err(TaskError::Unsupported("the policy lets the program change its root or mounts"))
        }
    }
}

/// The status of a task, proc_pid_status(5).
fn status(cx: &HandlerCtx<'_>, task: i32) -> Result<String, TaskError> {
    let path = format!("/proc/{task}/status");
    let status = cx.in_our_proc(|| std::fs::read_to_string(&path))?;
    status.map_err(|error| TaskError::failed(format!("read({path})"), errno_of(&error)))
}

/// What of a status decides about access to files.
fn credentials(status: &str) -> String {
    let fields = ["Uid:", "Gid:", "Groups:", "CapEff:"];
    fields.map(|name| field(status, name).unwrap_or("?")).join("\n")
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}
