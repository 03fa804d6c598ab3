//! Seccomp calls: seccomp(2), seccomp_unotify(2).

#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use libc::sock_filter;
use serde::Serialize;
use syscalls::{Sysno, raw_syscall};

use super::raw::{self, Errno, check};

/// Installs `filter` on the calling thread, which must have no_new_privs set. Raw: for the child
/// too. Returns what the kernel returns: 0, or the listener where `flags` ask for one.
pub(crate) fn install(filter: &[sock_filter], flags: u64) -> Result<usize, Errno> {
    let len = u16::try_from(filter.len()).map_err(|_| libc::E2BIG)?;
    let program = libc::sock_fprog { len, filter: filter.as_ptr().cast_mut() };
    // SAFETY: the kernel copies `len` instructions from a live slice.
    check(unsafe {
        raw_syscall!(Sysno::seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    })
}

/// Whether filters can be installed.
pub(crate) fn has_filters() -> bool {
    knows_action(libc::SECCOMP_RET_ERRNO) && knows_action(libc::SECCOMP_RET_KILL_PROCESS)
}

fn knows_action(action: u32) -> bool {
    // SAFETY: the kernel reads one number.
    let answer = unsafe {
        raw_syscall!(Sysno::seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action)
    };
    check(answer).is_ok()
}

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
}

/// Probes notifications on a listener of a thread that then ends.
pub(crate) fn probe_notifications() -> Notifications {
    if !knows_action(libc::SECCOMP_RET_USER_NOTIF) {
        return Notifications::default();
    }
    let thread = std::thread::Builder::new().spawn(probe_in_this_thread);
    thread.map_or(Notifications::default(), |thread| thread.join().unwrap_or_default())
}

fn probe_in_this_thread() -> Notifications {
    const ALLOW_ALL: [sock_filter; 1] =
        [sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW }];
    if raw::set_no_new_privileges().is_err() {
        return Notifications::default();
    }
    let killable = libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    let new_listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    let (listener, wait_killable_recv) = match install(&ALLOW_ALL, new_listener | killable) {
        Ok(fd) => (fd, true),
        Err(_) => match install(&ALLOW_ALL, new_listener) {
            Ok(fd) => (fd, false),
            Err(_) => return Notifications::default(),
        },
    };
    // SAFETY: the kernel has just returned this descriptor; nobody else knows it.
    let listener = unsafe { OwnedFd::from_raw_fd(listener as RawFd) };
    Notifications {
        user_notification: true,
        wait_killable_recv,
        sync_wake_up: set_sync_wake_up(&listener).is_ok(),
        addfd_send: knows_addfd_send(&listener),
    }
}

/// SECCOMP_IOCTL_NOTIF_SET_FLAGS takes the flags by value.
fn set_sync_wake_up(listener: &OwnedFd) -> Result<(), Errno> {
    const SYNC_WAKE_UP: usize = 1;
    // SAFETY: the argument is a number.
    check(unsafe {
        raw_syscall!(
            Sysno::ioctl,
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS,
            SYNC_WAKE_UP
        )
    })
    .map(drop)
}

/// For an id that is not waiting, a kernel that knows the flag says ENOENT, another EINVAL.
fn knows_addfd_send(listener: &OwnedFd) -> bool {
    let request = libc::seccomp_notif_addfd {
        id: 0,
        flags: libc::SECCOMP_ADDFD_FLAG_SEND as u32,
        srcfd: listener.as_raw_fd() as u32,
        newfd: 0,
        newfd_flags: 0,
    };
    // SAFETY: the kernel reads one structure of this size.
    let answer = unsafe {
        raw_syscall!(
            Sysno::ioctl,
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_ADDFD,
            &raw const request
        )
    };
    check(answer) == Err(libc::ENOENT)
}
