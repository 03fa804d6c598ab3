//! What handlers answer.

use std::collections::HashMap;
use std::ffi::c_void;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::panic::catch_unwind;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use sandlock::{NotifAction, TaskError};

use crate::error::{SANDLOCK_ERROR_TASK_MEMORY, SANDLOCK_ERROR_TOO_LONG, sandlock_status};
use crate::pointer::bytes;

/// The kind of sandlock_continue().
pub const SANDLOCK_ACTION_CONTINUE: u32 = 1;
/// The kind of sandlock_errno().
pub const SANDLOCK_ACTION_ERRNO: u32 = 2;
/// The kind of sandlock_return().
pub const SANDLOCK_ACTION_RETURN: u32 = 3;
/// The kind of sandlock_inject_fd().
pub const SANDLOCK_ACTION_INJECT_FD: u32 = 4;
/// The kind of sandlock_inject_bytes().
pub const SANDLOCK_ACTION_INJECT_BYTES: u32 = 5;
/// The kind of sandlock_kill().
pub const SANDLOCK_ACTION_KILL: u32 = 6;

/// What a handler answers to a call; made by the functions below, and returned once. One with all bits
/// zero, or of an unknown kind, is a failure of the handler and refuses the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sandlock_action {
    /// One of SANDLOCK_ACTION_.
    pub kind: u32,
    /// Whether the task's descriptor is closed when it executes a program: 1 or 0.
    pub cloexec: u32,
    /// The error number, the value, the descriptor or the library's number for the bytes.
    pub value: i64,
}

impl sandlock_action {
    pub(crate) fn new(kind: u32, value: i64) -> sandlock_action {
        sandlock_action { kind, cloexec: 0, value }
    }

    /// For what the library could not make: whoever returns it has failed.
    pub(crate) fn none() -> sandlock_action {
        sandlock_action::new(0, 0)
    }

    fn of(action: NotifAction) -> sandlock_action {
        match action {
            NotifAction::Errno(errno) => sandlock_action::new(SANDLOCK_ACTION_ERRNO, errno.into()),
            NotifAction::InjectFd { fd, cloexec } => inject(fd.into_raw_fd(), cloexec),
            _ => sandlock_action::none(),
        }
    }

    /// What the crate makes of it. What it owns is taken: it means nothing a second time.
    pub(crate) fn take(self) -> NotifAction {
        let fail = |reason: String| NotifAction::Fail(reason.into());
        match self.kind {
            SANDLOCK_ACTION_CONTINUE => NotifAction::Continue,
            // What is no error number is refused with what its chain says of failures.
            SANDLOCK_ACTION_ERRNO => NotifAction::Errno(i32::try_from(self.value).unwrap_or(0)),
            SANDLOCK_ACTION_RETURN => NotifAction::ReturnValue(self.value),
            SANDLOCK_ACTION_INJECT_FD => match take_descriptor(self.value) {
                Some(fd) => NotifAction::InjectFd { fd, cloexec: self.cloexec != 0 },
                None => fail(format!("answered with descriptor {}, which is not open", self.value)),
            },
            SANDLOCK_ACTION_INJECT_BYTES => {
                match Parcels::of_this_process().waiting.remove(&self.value) {
                    Some(bytes) => NotifAction::InjectBytes(bytes),
                    None => fail("answered twice with the same bytes".to_owned()),
                }
            }
            SANDLOCK_ACTION_KILL => NotifAction::KillSandbox,
            0 => fail("answered with an action of zeros".to_owned()),
            kind => fail(format!("answered with an action of the unknown kind {kind}")),
        }
    }
}

impl From<Result<NotifAction, TaskError>> for sandlock_action {
    fn from(result: Result<NotifAction, TaskError>) -> sandlock_action {
        sandlock_action::of(NotifAction::from(result))
    }
}

/// The descriptor `number` of this process, if it is open.
fn take_descriptor(number: i64) -> Option<OwnedFd> {
    let number = i32::try_from(number).ok().filter(|number| *number >= 0)?;
    // SAFETY: it is looked at and no more; a number that is not open is an error.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    // SAFETY: it is open, and the header says that it is handed over.
    (flags >= 0).then(|| unsafe { OwnedFd::from_raw_fd(number) })
}

fn inject(number: i32, cloexec: bool) -> sandlock_action {
    let action = sandlock_action::new(SANDLOCK_ACTION_INJECT_FD, number.into());
    sandlock_action { cloexec: cloexec.into(), ..action }
}

/// Bytes of actions that have not been returned yet. An action has only their number, so one that is
/// returned twice, or never was made, reaches nobody's memory.
#[derive(Default)]
struct Parcels {
    waiting: HashMap<i64, Vec<u8>>,
    last: i64,
}

impl Parcels {
    fn of_this_process() -> MutexGuard<'static, Parcels> {
        static PARCELS: LazyLock<Mutex<Parcels>> = LazyLock::new(Mutex::default);
        PARCELS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&mut self, bytes: Vec<u8>) -> i64 {
        self.last += 1;
        self.waiting.insert(self.last, bytes);
        self.last
    }
}

/// Goes on with the next handler; after the last one the kernel carries the call out, as far as the
/// policy lets it. What the handler has read of the task's memory may have changed by then.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_continue() -> sandlock_action {
    sandlock_action::new(SANDLOCK_ACTION_CONTINUE, 0)
}

/// The call fails with this error number, 1 to 4095; another one is a failure of the handler.
// `errno` is a macro in C: a parameter of that name would become another declaration.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_errno(number: i32) -> sandlock_action {
    sandlock_action::new(SANDLOCK_ACTION_ERRNO, number.into())
}

/// The call fails with the error number for what `status` says about a function of the notification:
/// EFAULT, ENAMETOOLONG or EPERM. A program that gives a bad address is refused, and does not make the
/// handler fail.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_refuse(status: sandlock_status) -> sandlock_action {
    sandlock_errno(match status {
        SANDLOCK_ERROR_TASK_MEMORY => libc::EFAULT,
        SANDLOCK_ERROR_TOO_LONG => libc::ENAMETOOLONG,
        _ => libc::EPERM,
    })
}

/// The call returns this, and the kernel does nothing. Programs take -4095 to -1 for error numbers.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_return(value: i64) -> sandlock_action {
    sandlock_action::new(SANDLOCK_ACTION_RETURN, value)
}

/// The task gets a descriptor for the file that `fd` is open on, and the call returns its number. `fd`
/// is the action's from here on: it is closed when the task has its own. Return dup(fd) to keep yours.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_inject_fd(fd: i32, cloexec: bool) -> sandlock_action {
    inject(fd, cloexec)
}

/// The task gets a descriptor for a file in memory that holds these bytes and cannot be changed, and the
/// call returns its number. The bytes are copied. It is close-on-exec if the call asked for that, or is
/// not one that opens by path. The action has all bits zero if `data` is NULL and `length` is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_inject_bytes(
    data: *const c_void,
    length: usize,
) -> sandlock_action {
    let inject = || {
        // SAFETY: as the header asks of callers.
        let bytes = unsafe { bytes(data, length, "data") }.ok()?.to_vec();
        let number = Parcels::of_this_process().put(bytes);
        Some(sandlock_action::new(SANDLOCK_ACTION_INJECT_BYTES, number))
    };
    catch_unwind(inject).ok().flatten().unwrap_or_else(sandlock_action::none)
}

/// The whole tree is killed; the run ends with SANDLOCK_REASON_KILLED.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_kill() -> sandlock_action {
    sandlock_action::new(SANDLOCK_ACTION_KILL, 0)
}

/// Gives up an action that is not going to be returned: closes its descriptor, frees its bytes.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_action_discard(action: sandlock_action) {
    catch_unwind(|| drop(action.take())).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The failure that a handler has that answers with it.
    fn failure(action: sandlock_action) -> String {
        match action.take() {
            NotifAction::Fail(reason) => reason.to_string(),
            other => panic!("not a failure: {other:?}"),
        }
    }

    fn injected(action: sandlock_action) -> Vec<u8> {
        match action.take() {
            NotifAction::InjectBytes(bytes) => bytes,
            other => panic!("no bytes: {other:?}"),
        }
    }

    fn inject_bytes(bytes: &[u8]) -> sandlock_action {
        // SAFETY: a slice.
        unsafe { sandlock_inject_bytes(bytes.as_ptr().cast(), bytes.len()) }
    }

    #[test]
    fn what_nobody_made_is_a_failure() {
        assert!(failure(sandlock_action::none()).contains("zeros"));
        for kind in [7, 100, u32::MAX] {
            assert!(failure(sandlock_action::new(kind, 0)).contains("unknown kind"));
        }
        assert!(
            failure(sandlock_action::new(SANDLOCK_ACTION_INJECT_BYTES, 1 << 40)).contains("twice")
        );
        for number in [-1, i64::MIN, 1 << 33, 1_000_000_000] {
            assert!(
                failure(sandlock_action::new(SANDLOCK_ACTION_INJECT_FD, number))
                    .contains("not open")
            );
        }
    }

    #[test]
    fn bytes_are_handed_over_once() {
        let (one, two) = (inject_bytes(b"one"), inject_bytes(b""));
        assert_eq!(injected(two), b"");
        assert_eq!(injected(one), b"one");
        assert!(failure(one).contains("twice"));
        let discarded = inject_bytes(b"three");
        sandlock_action_discard(discarded);
        assert!(failure(discarded).contains("twice"));
        // SAFETY: NULL is refused.
        let nothing = unsafe { sandlock_inject_bytes(std::ptr::null(), 1) };
        assert!(failure(nothing).contains("zeros"));
    }

    #[test]
    fn error_numbers_that_there_are_not_reach_the_chain_as_such() {
        for number in [0, -1, 4096, i32::MAX] {
            let action = sandlock_errno(number).take();
            assert!(matches!(action, NotifAction::Errno(errno) if errno == number));
        }
        let beyond = sandlock_action::new(SANDLOCK_ACTION_ERRNO, (1 << 32) + 1);
        assert!(matches!(beyond.take(), NotifAction::Errno(0)));
    }
}
