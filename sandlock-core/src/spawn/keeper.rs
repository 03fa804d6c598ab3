//! The process between host and tree: it reaps every orphan, and when the program, its owner or
//! the host ends, it kills what is left. The rules of `child` hold here too.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::time::Duration;

use super::child::{self, Script};
use super::report::Report;
use crate::step::Step;
use crate::sys::clone::{Stack, clone};
use crate::sys::raw::{self, Errno, Reaped, signal_bit};

/// Sent by the owner to end the tree, and by the kernel when the owner's thread ends.
pub(crate) const END: i32 = libc::SIGTERM;

/// How long to wait for more to kill before looking again, while the tree is being ended. Deaths
/// wake the keeper earlier.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Everything the keeper needs; valid until it has ended.
pub(crate) struct Orders {
    pub(crate) host: i32,
    pub(crate) child_stack: Stack,
    pub(crate) script: *const Script,
    pub(crate) report: *const Report,
}

/// The keeper's entry, with every signal blocked; `orders` is an [`Orders`].
pub(crate) extern "C" fn run(orders: *mut c_void) -> ! {
    // SAFETY: the owner keeps orders and report alive until this process has ended.
    let (orders, report) = unsafe {
        let orders = &*orders.cast::<Orders>();
        (orders, &*orders.report)
    };
    if let Err(errno) = become_reaper() {
        report.fail(Step::Subreaper, errno);
        raw::exit(0);
    }
    // The parent-death signal is not sent for a host that ended before it was asked for.
    if raw::getppid() != orders.host {
        raw::exit(0);
    }
    report.set_keeper(raw::getpid());
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES | libc::SIGCHLD;
    // SAFETY: the stack is the child's alone, and the owner keeps all it reaches alive. With
    // CLONE_VFORK this task goes on when the child has executed its program or ended.
    let started = unsafe {
        clone(
            flags,
            orders.child_stack,
            std::ptr::null_mut(),
            child::run,
            orders.script.cast_mut().cast(),
        )
    };
    match started {
        Ok(program) => tend(program, report),
        Err(errno) => report.fail(Step::Child, errno),
    }
    raw::exit(0)
}

fn become_reaper() -> Result<(), Errno> {
    // A host that ignores SIGCHLD would have the kernel discard what the children end with.
    raw::reset_signal(libc::SIGCHLD)?;
    raw::set_name(c"sandlock-keeper")?;
    raw::become_subreaper()?;
    raw::set_parent_death_signal(END)
}

/// Reaps until no descendant is left.
fn tend(program: i32, report: &Report) {
    if let Ok(peak) = raw::own_peak() {
        report.set_shared_peak(peak);
    }
    leave_the_host();
    let mut is_asked = false;
    while reap(program, report) {
        let ending = is_asked || report.failure().is_some() || report.status().is_some();
        if ending && kill_children().is_err() && report.status().is_none() {
            // Without the list, at least the program itself: it has not been reaped yet.
            raw::kill_child(program);
        }
        let timeout = ending.then_some(LOOK_AGAIN);
        let signals = signal_bit(libc::SIGCHLD) | signal_bit(END);
        is_asked |= raw::take_signal(signals, timeout) == Some(END);
    }
    // SAFETY: all zeros is a valid rusage.
    let mut usage = unsafe { std::mem::zeroed() };
    if raw::children_usage(&mut usage).is_ok() {
        report.set_usage(&usage);
    }
}

/// Lets go of the host's descriptors, session and directory. A failure keeps something of the host
/// in use for the length of the run, and changes nothing else.
fn leave_the_host() {
    let _kept = [raw::own_descriptors(0, false), raw::setsid(), raw::chdir(c"/")];
}

/// Reaps all that has ended, and returns whether anything is left.
fn reap(program: i32, report: &Report) -> bool {
    loop {
        match raw::reap_any() {
            Reaped::Child(pid, status) if pid == program => report.set_status(status),
            Reaped::Child(..) => {}
            Reaped::NoneEnded => return true,
            Reaped::NoChildren => return false,
        }
    }
}

/// Kills every child. Grandchildren become children as their parents die, and their turn comes
/// with the next look. A child is not reaped in between, so its id cannot mean anybody else.
fn kill_children() -> Result<(), Errno> {
    let list = raw::open(c"/proc/thread-self/children")?;
    let mut buffer = [0u8; 4096];
    let mut offset = 0u64;
    let mut pid = 0i32;
    while let Ok(length @ 1..) = raw::pread(list, &mut buffer, offset) {
        offset = offset.saturating_add(length as u64);
        for &byte in buffer.iter().take(length) {
            if byte.is_ascii_digit() {
                pid = pid.wrapping_mul(10).wrapping_add(i32::from(byte - b'0'));
            } else if pid > 0 {
                raw::kill_child(pid);
                pid = 0;
            }
        }
    }
    raw::close(list);
    Ok(())
}
