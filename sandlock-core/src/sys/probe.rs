//! What a kernel can do with trapped calls, found out on listeners of our own.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use libc::sock_filter;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use serde::Serialize;
use syscalls::{Sysno, raw_syscall};

use super::clone::{Slots, clone};
use super::listener::{knows_addfd_send, set_sync_wake_up};
use super::stack::StackPair;
use super::{pidfd, raw, seccomp, signal};
use crate::threads::start_deaf;

/// What a kernel can do with calls that a filter passes to a supervisor (seccomp_unotify(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Notifications {
    /// Whether there are any (Linux 5.0).
    pub user_notification: bool,
    /// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` (Linux 5.19).
    pub wait_killable_recv: bool,
    /// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` (Linux 6.6).
    pub sync_wake_up: bool,
    /// `SECCOMP_ADDFD_FLAG_SEND` (Linux 5.14).
    pub addfd_send: bool,
    /// Whether a receive ends by itself when the last task is gone (Linux 6.11).
    pub receive_ends: bool,
}

/// Probes on a listener of a thread that then ends.
pub(crate) fn notifications() -> Notifications {
    if !seccomp::knows_action(libc::SECCOMP_RET_USER_NOTIF) {
        return Notifications::default();
    }
    let thread = start_deaf(|builder| builder.spawn(in_this_thread));
    match thread.map(|thread| thread.join()) {
        Ok(Ok(Some((found, listener)))) => {
            Notifications { receive_ends: does_receive_end(listener.as_fd()), ..found }
        }
        _ => Notifications::default(),
    }
}

/// `None` where no filter with a listener can be installed.
fn in_this_thread() -> Option<(Notifications, OwnedFd)> {
    const ALLOW_ALL: [sock_filter; 1] =
        [sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW }];
    raw::set_no_new_privileges().ok()?;
    let new_listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    let killable = new_listener | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    let (fd, wait_killable_recv) = match seccomp::install(&ALLOW_ALL, killable) {
        Ok(fd) => (fd, true),
        Err(_) => (seccomp::install(&ALLOW_ALL, new_listener).ok()?, false),
    };
    // SAFETY: the kernel has just returned this descriptor; nobody else knows it.
    let listener = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
    let found = Notifications {
        user_notification: true,
        wait_killable_recv,
        sync_wake_up: set_sync_wake_up(listener.as_fd()).is_ok(),
        addfd_send: knows_addfd_send(listener.as_fd()),
        receive_ends: false,
    };
    Some((found, listener))
}

/// How long a task may take to end, in milliseconds.
const PATIENCE: u16 = 1000;
/// How long a receive that does not wait may take, in a process that has yet to be scheduled.
const PATIENCE_WITH_RECEIVE: u16 = 250;

/// Receives from a listener whose only task has ended. Where that waits for ever, nothing but a
/// fatal signal ends it, so it is done in a process like a keeper.
fn does_receive_end(listener: BorrowedFd) -> bool {
    if !has_event(listener, PATIENCE) {
        return false;
    }
    let Ok(stacks) = StackPair::take() else { return false };
    let Ok(receiver) = start_receiver(listener, &stacks) else { return false };
    let ended = has_event(receiver.as_fd(), PATIENCE_WITH_RECEIVE);
    let gone = pidfd::send(&receiver, "receiver", libc::SIGKILL).is_ok() && {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::__WALL;
        while waitid(Id::PIDFd(receiver.as_fd()), flags) == Err(nix::errno::Errno::EINTR) {}
        true
    };
    match gone {
        true => stacks.give_back(),
        // Its stack is still used.
        false => std::mem::forget(stacks),
    }
    ended
}

fn has_event(fd: BorrowedFd, patience: u16) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(patience)).is_ok() && fds[0].any().unwrap_or(false)
}

fn start_receiver(listener: BorrowedFd, stacks: &StackPair) -> Result<OwnedFd, raw::Errno> {
    let mut pidfd = -1;
    let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_PIDFD;
    let slots = Slots { pidfd: &raw mut pidfd, memory: std::ptr::null_mut() };
    let argument = listener.as_raw_fd() as usize as *mut c_void;
    let mask = signal::set_mask(u64::MAX)?;
    // SAFETY: the stack is the process's alone until it has been reaped, and it gets a number.
    let started = unsafe { clone(flags, stacks.first(), slots, receive, argument) };
    let restored = signal::set_mask(mask);
    debug_assert!(restored.is_ok(), "the mask was valid before");
    started?;
    // SAFETY: the kernel has just put this descriptor there, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(pidfd) })
}

/// Between clone and exit: raw calls only.
extern "C" fn receive(listener: *mut c_void) -> ! {
    let mut buffer = [0u64; 32];
    let command = libc::SECCOMP_IOCTL_NOTIF_RECV;
    // SAFETY: the buffer is larger than the structure that the kernel writes.
    unsafe { raw_syscall!(Sysno::ioctl, listener as usize, command, buffer.as_mut_ptr()) };
    raw::exit(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernel_has_what_its_version_promises() {
        let release = nix::sys::utsname::uname().unwrap().release().to_str().unwrap().to_owned();
        let mut numbers = release.split(['.', '-']).map(|n| n.parse::<u32>().unwrap_or(0));
        let version = (numbers.next().unwrap(), numbers.next().unwrap());
        let found = notifications();
        assert_eq!(found.user_notification, version >= (5, 0));
        assert_eq!(found.addfd_send, version >= (5, 14));
        assert_eq!(found.wait_killable_recv, version >= (5, 19));
        assert_eq!(found.sync_wake_up, version >= (6, 6));
        assert_eq!(found.receive_ends, version >= (6, 11));
    }
}
