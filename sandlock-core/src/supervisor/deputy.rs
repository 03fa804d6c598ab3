//! The deputy: a thread with no more rights than the program, which opens files in its place.
//!
//! Landlock, capabilities and the file mode mask belong to a thread, so one of ours can have the
//! program's. A mistake in what handlers or we think of a path then opens nothing that the program
//! could not open itself. The hand-over between two threads takes some tens of microseconds; our own
//! judgement of the opened file would be faster and could be wrong.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, major};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};

use crate::confine::Prepared;
use crate::handler::{HandlerCtx, TaskError};
use crate::plan::ChildStep;
use crate::sys::raw::Errno as RawErrno;
use crate::sys::{capability, landlock, raw};
use crate::threads::{locked, start_deaf};

/// What is to be opened.
pub(crate) struct Opening {
    /// Where a path begins that does not begin at the root.
    pub(crate) directory: Option<OwnedFd>,
    pub(crate) path: CString,
    pub(crate) flags: i32,
    pub(crate) mode: u32,
    pub(crate) resolve: u64,
}

/// An opening, and where its outcome is waited for.
struct Order {
    opening: Opening,
    outcome: Sender<Result<OwnedFd, TaskError>>,
}

/// The thread, started when it is first needed.
pub(crate) struct Deputy {
    prepared: Option<Arc<Prepared>>,
    office: Mutex<Option<(Office, JoinHandle<()>)>>,
}

/// Where the deputy takes orders.
#[derive(Clone)]
struct Office {
    orders: Sender<Order>,
    /// What the deputy may do, for comparison with a task.
    credentials: Arc<str>,
}

impl Deputy {
    /// For tasks that are confined by `prepared`; without it nothing can be opened.
    pub(crate) fn new(prepared: Option<Arc<Prepared>>) -> Deputy {
        Deputy { prepared, office: Mutex::new(None) }
    }

    /// Opens `opening` with the rights of the task of `cx`.
    pub(crate) fn open(
        &self,
        cx: &HandlerCtx<'_>,
        mut opening: Opening,
    ) -> Result<OwnedFd, TaskError> {
        cx.check_waiting()?;
        let office = self.office()?;
        let status =
            cx.in_our_proc(|| std::fs::read_to_string(format!("/proc/{}/status", cx.task())));
        let status = status?.map_err(|_| TaskError::Gone)?;
        cx.check_waiting()?;
        if credentials(&status) != *office.credentials {
            return Err(TaskError::Unsupported("the task has other credentials than at its start"));
        }
        let mask = field(&status, "Umask:").and_then(|mask| u32::from_str_radix(mask, 8).ok());
        opening.mode &= !mask.ok_or(TaskError::Unsupported("/proc shows no file mode mask"))?;
        let (outcome, result) = bounded(1);
        let lost = TaskError::Unsupported("the thread that opens files has ended");
        office.orders.send(Order { opening, outcome }).map_err(|_| lost.clone())?;
        result.recv().unwrap_or(Err(lost))
    }

    /// Ends the thread.
    pub(crate) fn close(&self) {
        let office = locked(&self.office).take();
        if let Some((office, thread)) = office {
            drop(office);
            thread.join().ok();
        }
    }

    fn office(&self) -> Result<Office, TaskError> {
        let mut office = locked(&self.office);
        match &*office {
            Some((office, _)) => Ok(office.clone()),
            None => Ok(office.insert(self.start()?).0.clone()),
        }
    }

    fn start(&self) -> Result<(Office, JoinHandle<()>), TaskError> {
        let none = TaskError::Unsupported("nothing is known of the program's confinement");
        let prepared = Arc::clone(self.prepared.as_ref().ok_or(none)?);
        check_view(&prepared)?;
        let (orders, receiver) = bounded(0);
        let (ready, is_ready) = bounded(1);
        let work = move || {
            let confined = confine(&prepared)
                .map_err(|(call, errno)| TaskError::Failed { call: call.to_owned(), errno });
            let began = confined.is_ok();
            if ready.send(confined).is_ok() && began {
                serve(&receiver);
            }
        };
        let failed =
            |_| TaskError::Failed { call: "clone(thread)".to_owned(), errno: libc::EAGAIN };
        let thread = start_deaf(|builder| builder.spawn(work)).map_err(failed)?;
        let lost = |_| TaskError::Unsupported("the thread that opens files has ended");
        let credentials = is_ready.recv().map_err(lost)??;
        Ok((Office { orders, credentials }, thread))
    }
}

/// Calls by which a program could see other files under a path than we do.
const VIEW: [&str; 6] = ["chroot", "clone", "mount", "pivot_root", "setns", "unshare"];

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

/// Gives up whatever the program has not; what is left, for comparison.
fn confine(prepared: &Prepared) -> Result<Arc<str>, (&'static str, RawErrno)> {
    let kept = prepared.plan.steps.iter().find_map(|step| match step {
        ChildStep::DropCapabilities(kept) => Some(kept.iter()),
        _ => None,
    });
    let kept = kept.into_iter().flatten().fold(0, |mask, one| mask | 1 << one.number());
    let step = |call| move |errno| (call, errno);
    raw::set_no_new_privileges().map_err(step("prctl(PR_SET_NO_NEW_PRIVS)"))?;
    capability::keep_only(kept).map_err(step("capset(deputy)"))?;
    // The mask of the process is everybody's; the task's is applied to each mode.
    raw::own_directories().map_err(step("unshare(CLONE_FS)"))?;
    nix::sys::stat::umask(Mode::empty());
    let status = std::fs::read_to_string("/proc/thread-self/status")
        .map_err(|error| ("read(/proc/thread-self/status)", crate::text::errno_of(&error)))?;
    landlock::restrict_self(prepared.ruleset.as_raw_fd())
        .map_err(step("landlock_restrict_self(deputy)"))?;
    Ok(credentials(&status).into())
}

/// What of a status in proc_pid_status(5) decides about access to files.
fn credentials(status: &str) -> String {
    let fields = ["Uid:", "Gid:", "Groups:", "CapEff:"];
    fields.map(|name| field(status, name).unwrap_or("?")).join("\n")
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

fn serve(orders: &Receiver<Order>) {
    while let Ok(Order { opening, outcome }) = orders.recv() {
        // Whoever asked may have gone.
        outcome.send(open(&opening)).ok();
    }
}

fn open(opening: &Opening) -> Result<OwnedFd, TaskError> {
    let flags = OFlag::from_bits_retain(opening.flags);
    if flags.contains(OFlag::O_TMPFILE) {
        return create(opening, flags);
    }
    let creates = flags.contains(OFlag::O_CREAT);
    if creates && flags.contains(OFlag::O_DIRECTORY) {
        // As kernels say since 6.4.
        return Err(TaskError::Open(libc::EINVAL));
    }
    if creates && flags.contains(OFlag::O_EXCL) {
        return create(opening, flags);
    }
    match find(opening, flags) {
        Err(Errno::ENOENT) if creates => match create(opening, flags | OFlag::O_EXCL) {
            // Somebody else was faster, or a link leads nowhere.
            Err(TaskError::Open(libc::EEXIST)) => match find(opening, flags) {
                Err(Errno::ENOENT) => {
                    Err(TaskError::Unsupported("creation through a link that leads nowhere"))
                }
                found => reopen(found, flags),
            },
            created => created,
        },
        found => reopen(found, flags),
    }
}

/// Creates a regular file.
fn create(opening: &Opening, flags: OFlag) -> Result<OwnedFd, TaskError> {
    at(opening, flags | OFlag::O_NOCTTY, opening.mode).map_err(refused)
}

/// What the path leads to, which opens nothing yet: devices have effects when they are opened.
fn find(opening: &Opening, flags: OFlag) -> Result<OwnedFd, Errno> {
    at(opening, OFlag::O_PATH | flags & (OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW), 0)
}

/// openat2(2), without the links of /proc: they would lead to what is ours.
fn at(opening: &Opening, flags: OFlag, mode: u32) -> Result<OwnedFd, Errno> {
    let resolve =
        ResolveFlag::from_bits_retain(opening.resolve) | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .mode(Mode::from_bits_truncate(mode))
        .resolve(resolve);
    let root = nix::fcntl::AT_FDCWD;
    let directory = opening.directory.as_ref().map_or(root, AsFd::as_fd);
    openat2(directory, opening.path.as_c_str(), how)
}

/// Opens what was found as the task asked for.
fn reopen(found: Result<OwnedFd, Errno>, flags: OFlag) -> Result<OwnedFd, TaskError> {
    let found = found.map_err(refused)?;
    check_kind(found.as_fd(), flags.contains(OFlag::O_CREAT))?;
    let done = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
    let path = format!("/proc/thread-self/fd/{}", found.as_raw_fd());
    let flags = (flags - done) | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    nix::fcntl::open(path.as_str(), flags, Mode::empty()).map_err(refused)
}

/// The device numbers of null, zero, full, random and urandom.
const MEMORY_DEVICES: u64 = 1;

/// Refuses what would be another thing for the task than for us, or what opening could wait for.
fn check_kind(found: BorrowedFd, creates: bool) -> Result<(), TaskError> {
    let FileStat { st_mode, st_rdev, .. } = fstat(found).map_err(refused)?;
    let kind = SFlag::from_bits_truncate(st_mode & SFlag::S_IFMT.bits());
    let system = fstatfs(found).map_err(refused)?.filesystem_type();
    if system == PROC_SUPER_MAGIC {
        return Err(TaskError::Unsupported("a file of /proc, which can differ by who opens it"));
    }
    match kind {
        // Nobody creates one by opening, not even where it is there already.
        SFlag::S_IFDIR if creates => Err(TaskError::Open(libc::EISDIR)),
        SFlag::S_IFREG | SFlag::S_IFDIR => Ok(()),
        // Only with O_NOFOLLOW.
        SFlag::S_IFLNK => Err(TaskError::Open(libc::ELOOP)),
        SFlag::S_IFCHR if major(st_rdev) == MEMORY_DEVICES => Ok(()),
        _ => Err(TaskError::Unsupported("neither a regular file, a directory nor a memory device")),
    }
}

fn refused(errno: Errno) -> TaskError {
    TaskError::Open(errno as i32)
}
