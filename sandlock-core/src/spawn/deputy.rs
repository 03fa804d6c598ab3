//! The deputy: a process with no more rights than the program, which opens files in its place.
//!
//! Like a keeper it shares memory and descriptors with the host, and the rules of `child` hold here
//! too. It is no thread: those share their credentials as far as libc knows them, and a host that
//! changes its user would find one that cannot.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::wait::{Id, WaitPidFlag, waitid};

use super::tree::{has_event, has_event_within};
use crate::confine::Prepared;
use crate::error::{Error, Result};
use crate::plan::ChildStep;
use crate::sys::clone::{Slots, clone};
use crate::sys::files::{self, How};
use crate::sys::raw::{self, Errno};
use crate::sys::stack::StackPair;
use crate::sys::{capability, landlock, pidfd, signal};

/// What is to be opened.
#[derive(Debug)]
pub(crate) struct Opening<'a> {
    /// Where a relative path begins; AT_FDCWD for none.
    pub(crate) directory: i32,
    pub(crate) path: &'a CStr,
    pub(crate) flags: i32,
    pub(crate) mode: u32,
    /// The task's file mode mask.
    pub(crate) mask: u32,
    pub(crate) resolve: u64,
}

/// Why something was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The kernel refuses it.
    Kernel(Errno),
    /// A file of /proc, which can be another one for the program.
    Proc,
    /// What opening could wait for, or act on.
    Kind,
    /// A link that leads nowhere is where a file is to be created.
    Dangling,
    /// The deputy has gone.
    Gone,
}

impl Refusal {
    /// As a negative number: error numbers end at 4095.
    const OTHERS: [Refusal; 4] = [Refusal::Proc, Refusal::Kind, Refusal::Dangling, Refusal::Gone];

    fn number(self) -> i32 {
        match self {
            Refusal::Kernel(errno) => -errno,
            other => {
                let place = Self::OTHERS.iter().position(|one| *one == other);
                -4096 - place.map_or(0, |place| place as i32)
            }
        }
    }

    fn from_number(number: i32) -> Refusal {
        let place = usize::try_from(-4096 - number).ok();
        let other = place.and_then(|place| Self::OTHERS.get(place));
        other.copied().unwrap_or(Refusal::Kernel(-number))
    }
}

/// Whose turn it is.
const STARTING: i32 = 0;
const IDLE: i32 = 1;
const ORDERED: i32 = 2;
const DONE: i32 = 3;
const FAILED: i32 = 4;
const END: i32 = 5;

/// What owner and deputy tell each other, in memory that both share.
#[derive(Default)]
struct Desk {
    turn: AtomicI32,
    directory: AtomicI32,
    path: AtomicPtr<c_char>,
    flags: AtomicI32,
    mode: AtomicU32,
    mask: AtomicU32,
    resolve: AtomicU64,
    /// A descriptor, or the number of a refusal.
    outcome: AtomicI32,
}

impl Desk {
    fn pass(&self, turn: i32) {
        self.turn.store(turn, Ordering::Release);
        raw::wake(&self.turn);
    }

    fn turn(&self) -> i32 {
        self.turn.load(Ordering::Acquire)
    }
}

/// Everything the deputy needs; valid until it has ended.
struct Orders {
    desk: Box<Desk>,
    host: i32,
    ruleset: i32,
    /// The capabilities that the program may keep.
    keep: u64,
}

/// A running deputy, which takes one order at a time. Dropping it ends it.
pub(crate) struct Deputy {
    process: OwnedFd,
    pid: i32,
    orders: Box<Orders>,
    stacks: ManuallyDrop<StackPair>,
    ended: bool,
    /// Its ruleset is used by number.
    _prepared: Arc<Prepared>,
}

/// How long to wait before looking whether it is there.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long it may take to end by itself, in milliseconds.
const GRACE: u16 = 1000;

impl Deputy {
    /// Starts a deputy for programs that `prepared` confines. It ends with the calling thread.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io): no room for it, or it could not give up a right.
    pub(crate) fn start(prepared: &Arc<Prepared>) -> Result<Deputy> {
        let kept = prepared.plan.steps.iter().find_map(|step| match step {
            ChildStep::DropCapabilities(kept) => Some(kept.iter()),
            _ => None,
        });
        let orders = Box::new(Orders {
            desk: Box::default(),
            host: std::process::id().cast_signed(),
            ruleset: prepared.ruleset.as_raw_fd(),
            keep: kept.into_iter().flatten().fold(0, |mask, one| mask | 1 << one.number()),
        });
        let stacks = StackPair::take()?;
        let (pid, process) =
            start(&stacks, &orders).map_err(|errno| Error::io("clone(deputy)", errno))?;
        let deputy = Deputy {
            process,
            pid,
            orders,
            stacks: ManuallyDrop::new(stacks),
            ended: false,
            _prepared: Arc::clone(prepared),
        };
        match deputy.wait_while(STARTING, || true) {
            Some(IDLE) => Ok(deputy),
            _ => {
                let errno = match deputy.orders.desk.outcome.load(Ordering::Acquire) {
                    // It has not said anything.
                    0 => libc::ESRCH,
                    outcome => -outcome,
                };
                Err(Error::io("confine(deputy)", errno))
            }
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Has it open something, as long as that `is_wanted`: a file system can keep it waiting. After
    /// [`Refusal::Gone`] it is not to be asked again.
    pub(crate) fn open(
        &mut self,
        opening: &Opening<'_>,
        is_wanted: impl Fn() -> bool,
    ) -> std::result::Result<OwnedFd, Refusal> {
        let desk = &*self.orders.desk;
        desk.directory.store(opening.directory, Ordering::Relaxed);
        desk.path.store(opening.path.as_ptr().cast_mut(), Ordering::Relaxed);
        desk.flags.store(opening.flags, Ordering::Relaxed);
        desk.mode.store(opening.mode, Ordering::Relaxed);
        desk.mask.store(opening.mask, Ordering::Relaxed);
        desk.resolve.store(opening.resolve, Ordering::Relaxed);
        desk.pass(ORDERED);
        if self.wait_while(ORDERED, is_wanted) != Some(DONE) {
            // It must have let go of the path.
            self.end();
            return Err(Refusal::Gone);
        }
        // What it has opened is ours from here on.
        desk.turn.store(IDLE, Ordering::Release);
        match desk.outcome.load(Ordering::Acquire) {
            // SAFETY: the deputy has opened it in the table that we share, for us alone.
            fd @ 0.. => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
            refusal => Err(Refusal::from_number(refusal)),
        }
    }

    /// Waits while it is in this `turn`: whose it is then; `None` if the deputy has gone, or nobody
    /// wants that any more.
    fn wait_while(&self, turn: i32, is_wanted: impl Fn() -> bool) -> Option<i32> {
        let desk = &*self.orders.desk;
        while desk.turn() == turn {
            if has_event(self.process.as_fd()).unwrap_or(false) || !is_wanted() {
                return None;
            }
            raw::wait_while(&desk.turn, turn, LOOK_AGAIN);
        }
        Some(desk.turn())
    }

    /// Ends the process, also one that waits for a file system, and waits until it has ended.
    fn end(&mut self) {
        if self.ended {
            return;
        }
        let desk = &*self.orders.desk;
        let turn = desk.turn.swap(END, Ordering::AcqRel);
        raw::wake(&desk.turn);
        if let (DONE, fd @ 0..) = (turn, desk.outcome.load(Ordering::Acquire)) {
            // Nobody waited for it any more.
            raw::close(fd);
        }
        // It closes what it has opened, unless a file system keeps it. Where it cannot be ended it is
        // waited for.
        if !has_event_within(self.process.as_fd(), GRACE).unwrap_or(false) {
            pidfd::send(&self.process, "deputy", libc::SIGKILL).ok();
        }
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::__WALL;
        let whom = || Id::PIDFd(self.process.as_fd());
        while waitid(whom(), flags) == Err(nix::errno::Errno::EINTR) {}
        self.ended = true;
    }
}

impl Drop for Deputy {
    fn drop(&mut self) {
        self.end();
        // SAFETY: nobody is on them any more, and nothing comes after a drop.
        unsafe { ManuallyDrop::take(&mut self.stacks) }.give_back();
    }
}

/// Creates the process, as a keeper is created.
fn start(stacks: &StackPair, orders: &Orders) -> std::result::Result<(i32, OwnedFd), Errno> {
    let mut pidfd = -1;
    let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_PIDFD;
    let slots = Slots { pidfd: &raw mut pidfd, memory: std::ptr::null_mut() };
    let argument = (&raw const *orders).cast_mut().cast();
    let mask = signal::set_mask(u64::MAX)?;
    // SAFETY: the stack is the deputy's alone, and `Deputy` keeps stack and orders until it has
    // been reaped.
    let started = unsafe { clone(flags, stacks.first(), slots, run, argument) };
    let restored = signal::set_mask(mask);
    debug_assert!(restored.is_ok(), "the mask was valid before");
    let pid = started?;
    // SAFETY: the kernel has just put this descriptor there, for us alone.
    Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) }))
}

/// The deputy's entry, with every signal blocked; `orders` is an [`Orders`].
extern "C" fn run(orders: *mut c_void) -> ! {
    // SAFETY: the owner keeps the orders alive until this process has ended.
    let orders = unsafe { &*orders.cast::<Orders>() };
    let desk = &*orders.desk;
    if let Err(errno) = confine(orders) {
        desk.outcome.store(-errno, Ordering::Release);
        desk.pass(FAILED);
        raw::exit(0);
    }
    desk.pass(IDLE);
    loop {
        match desk.turn() {
            ORDERED => {
                let outcome = open(desk).unwrap_or_else(Refusal::number);
                desk.outcome.store(outcome, Ordering::Release);
                let (before, after) = (Ordering::AcqRel, Ordering::Acquire);
                match desk.turn.compare_exchange(ORDERED, DONE, before, after) {
                    Ok(_) => raw::wake(&desk.turn),
                    // It is to end, and nobody takes what it has opened.
                    Err(_) if outcome >= 0 => raw::close(outcome),
                    Err(_) => {}
                }
            }
            END => raw::exit(0),
            turn => raw::wait_while(&desk.turn, turn, Duration::from_secs(3600)),
        }
    }
}

/// Gives up whatever the program has not.
fn confine(orders: &Orders) -> std::result::Result<(), Errno> {
    raw::set_parent_death_signal(libc::SIGKILL)?;
    // The signal is not sent for a host that ended before it was asked for.
    if raw::getppid() != orders.host {
        return Err(libc::ESRCH);
    }
    raw::set_name(c"sandlock-deputy")?;
    raw::set_no_new_privileges()?;
    capability::use_only(orders.keep)?;
    raw::lead_group()?;
    raw::chdir(c"/")?;
    landlock::restrict_self(orders.ruleset)
}

fn open(desk: &Desk) -> std::result::Result<i32, Refusal> {
    let flags = desk.flags.load(Ordering::Relaxed);
    let creates = flags & libc::O_CREAT != 0;
    let is_new = flags & libc::O_TMPFILE == libc::O_TMPFILE || creates && flags & libc::O_EXCL != 0;
    if is_new {
        return create(desk, flags);
    }
    if creates && flags & libc::O_DIRECTORY != 0 {
        return Err(Refusal::Kernel(libc::EINVAL));
    }
    match find(desk, flags) {
        Err(libc::ENOENT) if creates => match create(desk, flags | libc::O_EXCL) {
            // Somebody else was faster, or a link leads nowhere.
            Err(Refusal::Kernel(libc::EEXIST)) => match find(desk, flags) {
                Err(libc::ENOENT) => Err(Refusal::Dangling),
                found => reopen(found, flags),
            },
            created => created,
        },
        found => reopen(found, flags),
    }
}

/// Creates a regular file.
fn create(desk: &Desk, flags: i32) -> std::result::Result<i32, Refusal> {
    let mode = desk.mode.load(Ordering::Relaxed);
    files::set_mode_mask(desk.mask.load(Ordering::Relaxed));
    at(desk, flags | libc::O_NOCTTY, mode).map_err(Refusal::Kernel)
}

/// What the path leads to, which opens nothing yet: devices have effects when they are opened.
fn find(desk: &Desk, flags: i32) -> std::result::Result<i32, Errno> {
    at(desk, libc::O_PATH | flags & (libc::O_DIRECTORY | libc::O_NOFOLLOW), 0)
}

/// openat2(2), without the links of /proc: they would lead to what is ours.
fn at(desk: &Desk, flags: i32, mode: u32) -> std::result::Result<i32, Errno> {
    let how = How {
        flags: u64::from((flags | libc::O_CLOEXEC).cast_unsigned()),
        mode: mode.into(),
        resolve: desk.resolve.load(Ordering::Relaxed) | libc::RESOLVE_NO_MAGICLINKS,
    };
    let directory = desk.directory.load(Ordering::Relaxed);
    // SAFETY: the owner keeps the path, which is NUL-terminated, until it has the outcome.
    unsafe { files::open_at(directory, desk.path.load(Ordering::Relaxed), &how) }
}

/// Opens what was found as the task asked for.
fn reopen(found: std::result::Result<i32, Errno>, flags: i32) -> std::result::Result<i32, Refusal> {
    let found = found.map_err(Refusal::Kernel)?;
    let kept = !(libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW);
    let opened = check_kind(found, flags).and_then(|()| {
        let flags = flags & kept | libc::O_CLOEXEC | libc::O_NOCTTY;
        files::open_again(found, flags).map_err(Refusal::Kernel)
    });
    raw::close(found);
    opened
}

/// The device numbers of null, zero, full, random and urandom.
const MEMORY_DEVICES: u32 = 1;

/// Refuses what would be another thing for the task than for us, or what opening could wait for.
fn check_kind(found: i32, flags: i32) -> std::result::Result<(), Refusal> {
    let (mode, device) = files::kind(found).map_err(Refusal::Kernel)?;
    let system = files::file_system(found).map_err(Refusal::Kernel)?;
    if system == libc::PROC_SUPER_MAGIC {
        return Err(Refusal::Proc);
    }
    match mode & libc::S_IFMT {
        // No call that could create a file opens a directory.
        libc::S_IFDIR if flags & libc::O_CREAT != 0 => Err(Refusal::Kernel(libc::EISDIR)),
        libc::S_IFREG | libc::S_IFDIR => Ok(()),
        // Only with O_NOFOLLOW.
        libc::S_IFLNK => Err(Refusal::Kernel(libc::ELOOP)),
        libc::S_IFCHR if libc::major(device) == MEMORY_DEVICES => Ok(()),
        _ => Err(Refusal::Kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_numbers_of_their_own() {
        let kernels = [1, libc::EACCES, 4095].map(Refusal::Kernel);
        for refusal in kernels.into_iter().chain(Refusal::OTHERS) {
            assert!(refusal.number() < 0);
            assert_eq!(Refusal::from_number(refusal.number()), refusal);
        }
    }
}
