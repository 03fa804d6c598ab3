//! Filters: seccomp(2).

#![allow(unsafe_code)]

use libc::sock_filter;
use syscalls::{Sysno, raw_syscall};

use super::raw::{Errno, check};

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

pub(super) fn knows_action(action: u32) -> bool {
    // SAFETY: the kernel reads one number.
    let answer = unsafe {
        raw_syscall!(Sysno::seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action)
    };
    check(answer).is_ok()
}
