//! The supervisor's side of trapped calls: seccomp_unotify(2).

#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use libc::{seccomp_notif, seccomp_notif_addfd, seccomp_notif_resp, seccomp_notif_sizes};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use syscalls::{Sysno, raw_syscall};

use super::raw::{Errno, check};

/// Where the calls of tasks behind a filter arrive and are answered.
#[derive(Debug)]
pub(crate) struct Listener {
    fd: OwnedFd,
    /// Whether a receive ends by itself when the last task is gone (Linux 6.11).
    tells_end: bool,
}

/// What was received.
pub(crate) enum Received {
    /// A task waits for the answer to this call.
    Call(seccomp_notif),
    /// Nothing that can be answered: a task was killed before its call was received.
    Nothing,
    /// No task is behind the filter any more.
    End,
}

/// What poll(2) says of a listener.
enum Polled {
    Call,
    Nothing,
    End,
}

/// What a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The kernel carries it out.
    Continue,
    /// It returns this.
    Value(i64),
    /// It fails with this error number, 1 to 4095.
    Errno(Errno),
}

/// How a descriptor is put into a task's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placing {
    pub(crate) cloexec: bool,
    /// At this number, closing what is there, and not at the lowest free one.
    pub(crate) at: Option<u32>,
    /// Whether the call is answered with its number in the same step (Linux 5.14).
    pub(crate) answers: bool,
}

impl Listener {
    /// Takes the descriptor that the kernel returned for a new filter.
    ///
    /// # Safety
    ///
    /// `fd` is a listener that nobody else owns.
    pub(crate) unsafe fn own(fd: i32, tells_end: bool) -> Result<Listener, Errno> {
        // SAFETY: as the caller promises.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        check_sizes()?;
        Ok(Listener { fd, tells_end })
    }

    /// Has the kernel move a waking task to the processor of who woke it (Linux 6.6).
    pub(crate) fn set_sync_wake_up(&self) -> Result<(), Errno> {
        set_sync_wake_up(self.fd.as_fd())
    }

    /// SECCOMP_IOCTL_NOTIF_RECV: waits for the next call.
    pub(crate) fn receive(&self) -> Result<Received, Errno> {
        if !self.tells_end {
            match self.poll(PollTimeout::NONE)? {
                Polled::Call => {}
                Polled::Nothing => return Ok(Received::Nothing),
                Polled::End => return Ok(Received::End),
            }
        }
        // SAFETY: all zeros is a valid notification, and what the kernel demands.
        let mut notification: seccomp_notif = unsafe { std::mem::zeroed() };
        match self.ioctl(libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut notification) {
            Ok(_) => Ok(Received::Call(notification)),
            Err(libc::EINTR) => Ok(Received::Nothing),
            Err(libc::ENOENT) => match self.poll(PollTimeout::ZERO)? {
                Polled::End => Ok(Received::End),
                Polled::Call | Polled::Nothing => Ok(Received::Nothing),
            },
            Err(errno) => Err(errno),
        }
    }

    /// poll(2): what is there within `patience`.
    fn poll(&self, patience: PollTimeout) -> Result<Polled, Errno> {
        let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, patience) {
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => return Ok(Polled::Nothing),
            Err(errno) => return Err(errno as Errno),
        }
        let events = fds[0].revents().unwrap_or(PollFlags::POLLERR);
        Ok(match events {
            _ if events.is_empty() => Polled::Nothing,
            PollFlags::POLLIN => Polled::Call,
            _ => Polled::End,
        })
    }

    /// SECCOMP_IOCTL_NOTIF_SEND: answers the call `id`. ENOENT: its task has ended.
    pub(crate) fn send(&self, id: u64, answer: Answer) -> Result<(), Errno> {
        let (val, error, flags) = match answer {
            Answer::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
            Answer::Value(value) => (value, 0, 0),
            Answer::Errno(errno) => (0, -errno, 0),
        };
        let mut response = seccomp_notif_resp { id, val, error, flags };
        self.ioctl(libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response).map(drop)
    }

    /// SECCOMP_IOCTL_NOTIF_ID_VALID: whether the task of call `id` still waits for the answer.
    pub(crate) fn is_waiting(&self, id: u64) -> bool {
        let mut id = id;
        self.ioctl(libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw mut id).is_ok()
    }

    /// SECCOMP_IOCTL_NOTIF_ADDFD: puts `fd` into the table of the task of call `id`; its number
    /// there.
    pub(crate) fn add_fd(&self, id: u64, fd: BorrowedFd, placing: Placing) -> Result<i32, Errno> {
        let flag = |is_set: bool, flag: libc::c_ulong| if is_set { flag as u32 } else { 0 };
        let mut request = seccomp_notif_addfd {
            id,
            flags: flag(placing.at.is_some(), libc::SECCOMP_ADDFD_FLAG_SETFD)
                | flag(placing.answers, libc::SECCOMP_ADDFD_FLAG_SEND),
            srcfd: fd.as_raw_fd().cast_unsigned(),
            newfd: placing.at.unwrap_or(0),
            newfd_flags: if placing.cloexec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
        };
        let number = self.ioctl(libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw mut request)?;
        Ok(number as i32)
    }

    fn ioctl<T>(&self, command: libc::Ioctl, argument: *mut T) -> Result<usize, Errno> {
        loop {
            let answer = self.try_ioctl(command, argument);
            // A receive waits; the others do so for a lock alone, and have done nothing.
            if answer != Err(libc::EINTR) || command == libc::SECCOMP_IOCTL_NOTIF_RECV {
                return answer;
            }
        }
    }

    fn try_ioctl<T>(&self, command: libc::Ioctl, argument: *mut T) -> Result<usize, Errno> {
        // SAFETY: every command here reads or writes the structure whose size it carries, which is
        // the argument's.
        check(unsafe { raw_syscall!(Sysno::ioctl, self.fd.as_raw_fd(), command, argument) })
    }
}

/// seccomp(2) SECCOMP_GET_NOTIF_SIZES: whether the kernel's structures are ours. EOVERFLOW: they are
/// not, so this kernel knows other commands.
fn check_sizes() -> Result<(), Errno> {
    let mut sizes =
        seccomp_notif_sizes { seccomp_notif: 0, seccomp_notif_resp: 0, seccomp_data: 0 };
    let operation = libc::SECCOMP_GET_NOTIF_SIZES;
    // SAFETY: the kernel writes one structure of this size.
    check(unsafe { raw_syscall!(Sysno::seccomp, operation, 0, &raw mut sizes) })?;
    let is_ours = usize::from(sizes.seccomp_notif) == size_of::<seccomp_notif>()
        && usize::from(sizes.seccomp_notif_resp) == size_of::<seccomp_notif_resp>();
    if is_ours { Ok(()) } else { Err(libc::EOVERFLOW) }
}

/// SECCOMP_IOCTL_NOTIF_SET_FLAGS, which takes the flags by value.
pub(super) fn set_sync_wake_up(listener: BorrowedFd) -> Result<(), Errno> {
    const SYNC_WAKE_UP: usize = 1;
    let command = libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS;
    // SAFETY: the argument is a number.
    check(unsafe { raw_syscall!(Sysno::ioctl, listener.as_raw_fd(), command, SYNC_WAKE_UP) })
        .map(drop)
}

/// For an id that is not waiting, a kernel that knows SECCOMP_ADDFD_FLAG_SEND says ENOENT, another
/// EINVAL.
pub(super) fn knows_addfd_send(listener: BorrowedFd) -> bool {
    let request = seccomp_notif_addfd {
        id: 0,
        flags: libc::SECCOMP_ADDFD_FLAG_SEND as u32,
        srcfd: listener.as_raw_fd().cast_unsigned(),
        newfd: 0,
        newfd_flags: 0,
    };
    let command = libc::SECCOMP_IOCTL_NOTIF_ADDFD;
    // SAFETY: the kernel reads one structure of this size.
    let answer =
        unsafe { raw_syscall!(Sysno::ioctl, listener.as_raw_fd(), command, &raw const request) };
    check(answer) == Err(libc::ENOENT)
}
