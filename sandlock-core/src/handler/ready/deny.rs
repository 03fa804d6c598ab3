//! Refusing a call.

use crate::error::{Error, ErrorKind, Result};
use crate::handler::{Handler, HandlerCtx, NotifAction};

/// A handler that refuses: the call fails with an error number, and the kernel does nothing.
///
/// Whether a call is refused always and for everybody is better said in the policy
/// ([`deny_syscalls`](crate::PolicyBuilder::deny_syscalls)), which the kernel enforces without asking. A
/// `Deny` chooses the error number, can be narrowed to some arguments ([`When`](crate::When)), stands
/// behind other handlers, and is seen by observers.
///
/// *Holds against* whatever the program does with the call that it is registered for: what the call
/// points to is not looked at, so that exchanging it gains nothing.
///
/// *Does not hold against* another call for the same purpose: `openat` is neither `open`, `openat2` nor
/// `creat`. Nor against a handler that is asked before it and answers in its place.
///
/// # Examples
///
/// ```
/// use sandlock::{Deny, Policy, Sandbox};
///
/// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
/// let out = Sandbox::new(policy)?.add_handler("uname", Deny::new(libc::EACCES)?)?.run(["uname"])?;
/// assert!(out.stderr().ends_with(b"Permission denied\n"));
/// # Ok::<(), sandlock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deny {
    errno: i32,
}

impl Deny {
    /// Refuses with `errno`, 1 to 4095.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Argument`] for any other number, which no program takes for an error.
    pub fn new(errno: i32) -> Result<Deny> {
        match errno {
            1..=4095 => Ok(Deny { errno }),
            _ => {
                let message = format!("{errno} is no error number: those are 1 to 4095");
                Err(Error::new(ErrorKind::Argument, message))
            }
        }
    }
}

impl Handler for Deny {
    fn handle(&self, _: &HandlerCtx<'_>) -> NotifAction {
        NotifAction::Errno(self.errno)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_no_error_numbers_are_rejected() {
        for errno in [i32::MIN, -1, 0, 4096, i32::MAX] {
            let error = Deny::new(errno).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Argument);
            assert!(error.to_string().contains(&errno.to_string()), "{error}");
        }
        for errno in [1, libc::EACCES, 4095] {
            assert_eq!(Deny::new(errno), Ok(Deny { errno }));
        }
    }
}
