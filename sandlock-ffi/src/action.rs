//! What handlers answer.

use std::ffi::c_void;
use std::panic::catch_unwind;

use sandlock::{NotifAction, TaskError};

use crate::error::{
    SANDLOCK_ERROR_TASK_MEMORY, SANDLOCK_ERROR_TOO_LONG, sandlock_error, sandlock_error_errno,
    sandlock_status,
};
use crate::guard::attempt;
use crate::parcel::{self, Parcel};
use crate::pointer::bytes;

/// The kind of sandlock_continue(). Kinds are numbers that a register holds by no accident: a handler that
/// forgets to return something has failed.
pub const SANDLOCK_ACTION_CONTINUE: u32 = 0x534c_0001;
/// The kind of sandlock_errno().
pub const SANDLOCK_ACTION_ERRNO: u32 = 0x534c_0002;
/// The kind of sandlock_return().
pub const SANDLOCK_ACTION_RETURN: u32 = 0x534c_0003;
/// The kind of sandlock_inject_fd().
pub const SANDLOCK_ACTION_INJECT_FD: u32 = 0x534c_0004;
/// The kind of sandlock_inject_bytes().
pub const SANDLOCK_ACTION_INJECT_BYTES: u32 = 0x534c_0005;
/// The kind of sandlock_kill().
pub const SANDLOCK_ACTION_KILL: u32 = 0x534c_0006;

/// For SANDLOCK_ACTION_INJECT_FD: the task's descriptor is closed when it executes a program.
pub const SANDLOCK_ACTION_CLOEXEC: u32 = 1;

/// What a handler answers to a call; made by the functions below, and returned once. One with all bits
/// zero, or of an unknown kind, is a failure of the handler and refuses the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sandlock_action {
    /// One of SANDLOCK_ACTION_.
    pub kind: u32,
    /// SANDLOCK_ACTION_CLOEXEC, or 0.
    pub flags: u32,
    /// The error number, the value, or the library's number for the descriptor or the bytes.
    pub value: i64,
}

impl sandlock_action {
    pub(crate) fn new(kind: u32, value: i64) -> sandlock_action {
        sandlock_action { kind, flags: 0, value }
    }

    /// For what the library could not make: whoever returns it has failed.
    pub(crate) fn none() -> sandlock_action {
        sandlock_action::new(0, 0)
    }

    fn of(action: NotifAction) -> sandlock_action {
        match action {
            NotifAction::Errno(errno) => sandlock_action::new(SANDLOCK_ACTION_ERRNO, errno.into()),
            NotifAction::InjectFd { fd, cloexec } => inject(Parcel::Descriptor(fd), cloexec),
            _ => sandlock_action::none(),
        }
    }

    /// What the crate makes of it. What it owns is taken: it means nothing a second time.
    pub(crate) fn take(self) -> NotifAction {
        let sandlock_action { kind, flags, value } = self;
        match (kind, flags, value) {
            (SANDLOCK_ACTION_CONTINUE, 0, 0) => NotifAction::Continue,
            (SANDLOCK_ACTION_KILL, 0, 0) => NotifAction::KillSandbox,
            // What is no error number is refused with what its chain says of failures.
            (SANDLOCK_ACTION_ERRNO, 0, _) => NotifAction::Errno(i32::try_from(value).unwrap_or(0)),
            (SANDLOCK_ACTION_RETURN, 0, _) => NotifAction::ReturnValue(value),
            (SANDLOCK_ACTION_INJECT_BYTES, 0, _) => match parcel::take(value) {
                Some(Parcel::Bytes(bytes)) => NotifAction::InjectBytes(bytes),
                _ => fail("answered with bytes that are not this callback's"),
            },
            (SANDLOCK_ACTION_INJECT_FD, 0 | SANDLOCK_ACTION_CLOEXEC, _) => {
                match parcel::take(value) {
                    Some(Parcel::Descriptor(fd)) => {
                        NotifAction::InjectFd { fd, cloexec: flags == SANDLOCK_ACTION_CLOEXEC }
                    }
                    Some(Parcel::NotOpen(number)) => {
                        fail(format!("answered with descriptor {number}, which is not open"))
                    }
                    _ => fail("answered with a descriptor that is not this callback's"),
                }
            }
            (0, 0, 0) => fail("answered with an action of zeros"),
            _ => fail(format!("answered with an action that nobody has made: kind {kind:#x}")),
        }
    }
}

fn fail(reason: impl Into<String>) -> NotifAction {
    NotifAction::Fail(reason.into().into())
}

impl From<Result<NotifAction, TaskError>> for sandlock_action {
    fn from(result: Result<NotifAction, TaskError>) -> sandlock_action {
        sandlock_action::of(NotifAction::from(result))
    }
}

fn inject(parcel: Parcel, cloexec: bool) -> sandlock_action {
    let action = sandlock_action::new(SANDLOCK_ACTION_INJECT_FD, parcel::put(parcel));
    sandlock_action { flags: u32::from(cloexec) * SANDLOCK_ACTION_CLOEXEC, ..action }
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

/// The call fails with the error number that `err` has about the task, EPERM where it has none: as
/// sandlock_refuse(), for functions of the notification that give an error object. `err` stays the
/// caller's.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_refuse_error(err: Option<&sandlock_error>) -> sandlock_action {
    let number = sandlock_error_errno(err);
    sandlock_errno(if (1..=4095).contains(&number) { number } else { libc::EPERM })
}

/// The call returns this, and the kernel does nothing. Programs take -4095 to -1 for error numbers.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_return(value: i64) -> sandlock_action {
    sandlock_action::new(SANDLOCK_ACTION_RETURN, value)
}

/// The task gets a descriptor for the file that `fd` is open on, and the call returns its number. `fd`
/// is the action's from here on: it is closed when the task has its own. Pass dup(fd) to keep yours. Make
/// the action in the callback that returns it.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_inject_fd(fd: i32, cloexec: bool) -> sandlock_action {
    catch_unwind(|| inject(Parcel::descriptor(fd), cloexec)).unwrap_or(sandlock_action::none())
}

/// The task gets a descriptor for a file in memory that holds these bytes and cannot be changed, and the
/// call returns its number. The bytes are copied; make the action in the callback that returns it. The
/// descriptor is close-on-exec if the call asked for that, or is not one that opens by path. The action
/// has all bits zero if `data` is NULL and `length` is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_inject_bytes(
    data: *const c_void,
    length: usize,
) -> sandlock_action {
    let inject = || {
        // SAFETY: as the header asks of callers.
        let bytes = unsafe { bytes(data, length, "data") }.ok()?.to_vec();
        Some(sandlock_action::new(SANDLOCK_ACTION_INJECT_BYTES, parcel::put(Parcel::Bytes(bytes))))
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
    attempt(None, || {
        drop(action.take());
        Ok(())
    });
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
        for kind in [1, 2, 7, 100, SANDLOCK_ACTION_CONTINUE + 16, u32::MAX] {
            assert!(failure(sandlock_action::new(kind, 0)).contains("nobody"));
        }
        for made in [sandlock_continue(), sandlock_kill(), sandlock_errno(1), sandlock_return(1)] {
            assert!(failure(sandlock_action { flags: 1, ..made }).contains("nobody"));
        }
        for made in [sandlock_continue(), sandlock_kill()] {
            assert!(failure(sandlock_action { value: 1, ..made }).contains("nobody"));
        }
        let bytes = sandlock_action::new(SANDLOCK_ACTION_INJECT_BYTES, 1 << 40);
        assert!(failure(bytes).contains("not this callback's"));
        let fd = sandlock_action::new(SANDLOCK_ACTION_INJECT_FD, 0);
        assert!(failure(fd).contains("not this callback's"));
    }

    #[test]
    fn a_descriptor_is_handed_over_once() {
        use std::os::fd::IntoRawFd;
        let open = || std::fs::File::open("/dev/null").unwrap().into_raw_fd();
        for cloexec in [true, false] {
            let action = sandlock_inject_fd(open(), cloexec);
            assert!(failure(sandlock_action { flags: 2, ..action }).contains("nobody"));
            match action.take() {
                NotifAction::InjectFd { cloexec: taken, .. } => assert_eq!(taken, cloexec),
                other => panic!("no descriptor: {other:?}"),
            }
            assert!(failure(action).contains("not this callback's"));
        }
        for number in [-1, i32::MIN, 1_000_000_000] {
            assert!(failure(sandlock_inject_fd(number, false)).contains("not open"));
        }
        // Another thread's is nobody's here.
        let theirs = std::thread::spawn(move || sandlock_inject_fd(open(), true)).join().unwrap();
        assert!(failure(theirs).contains("not this callback's"));
    }

    #[test]
    fn bytes_are_handed_over_once() {
        let (one, two) = (inject_bytes(b"one"), inject_bytes(b""));
        assert_eq!(injected(two), b"");
        assert_eq!(injected(one), b"one");
        assert!(failure(one).contains("not this callback's"));
        let discarded = inject_bytes(b"three");
        sandlock_action_discard(discarded);
        assert!(failure(discarded).contains("not this callback's"));
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
