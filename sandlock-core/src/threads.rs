//! What threads need of each other, and how the library starts some in somebody else's process.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

use crate::error::{Error, Result};
use crate::sys::mask::Mask;
use crate::text::errno_of;

/// Room for anybody's code: handlers, and what frees their data, run on threads of the library. Memory is
/// used as far as it is touched.
const STACK: usize = 2 << 20;

/// What says that the thread itself has made a mistake. Blocked, they would end the process without a
/// word to the host's handlers.
const FAULTS: [Signal; 6] = [
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGSEGV,
    Signal::SIGSYS,
    Signal::SIGTRAP,
];

/// Has `start` start a thread that takes no signal of the host but its own faults: handlers run where
/// they would without us, and interrupt nothing of ours.
///
/// # Errors
///
/// [`ErrorKind::Io`](crate::ErrorKind::Io) when there is no room for another thread.
pub(crate) fn start_deaf<T>(start: impl FnOnce(Builder) -> std::io::Result<T>) -> Result<T> {
    let mut signals = SigSet::all();
    FAULTS.into_iter().for_each(|fault| signals.remove(fault));
    let _deaf = Mask::change(SigmaskHow::SIG_SETMASK, signals)?;
    let thread = start(Builder::new().name("sandlock".to_owned()).stack_size(STACK));
    thread.map_err(|error| Error::io("clone(thread)", errno_of(&error)))
}

/// A lock behind which a panic leaves nothing half done.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
