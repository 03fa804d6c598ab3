//! Answering a call with a value.

use crate::handler::{Handler, HandlerCtx, NotifAction};

/// A handler that answers: the call returns a value, and the kernel does nothing.
///
/// Programs take -4095 to -1 for error numbers; [`Deny`](super::Deny) says that more plainly. What the
/// call would have written to the program's memory is not written: a program that is told that uname(2)
/// has worked reads what was there before.
///
/// *Holds against* whatever the program does with the call that it is registered for: the kernel never
/// carries it out, and nothing that the program could exchange is looked at.
///
/// *Does not hold against* another call for the same purpose, nor against a handler that is asked before
/// it and answers in its place.
///
/// # Examples
///
/// ```
/// use sandlock::{Policy, Return, Sandbox};
///
/// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
/// let sandbox = Sandbox::new(policy)?.add_handler("getuid", Return::new(4711))?;
/// let sandbox = sandbox.add_handler("geteuid", Return::new(4711))?;
/// assert_eq!(sandbox.run(["id", "-u"])?.stdout(), b"4711\n");
/// # Ok::<(), sandlock::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Return {
    value: i64,
}

impl Return {
    /// Answers `value`.
    pub fn new(value: i64) -> Return {
        Return { value }
    }
}

impl Handler for Return {
    fn handle(&self, _: &HandlerCtx<'_>) -> NotifAction {
        NotifAction::ReturnValue(self.value)
    }
}
