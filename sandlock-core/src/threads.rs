//! What threads need of each other, and how the library starts some in somebody else's process.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use nix::sys::signal::{SigSet, SigmaskHow};

use crate::error::{Error, Result};
use crate::sys::mask::Mask;
use crate::text::errno_of;

/// Room for the frames of a build without optimisation; memory is used as far as it is touched.
const STACK: usize = 256 << 10;

/// Has `start` start a thread that takes no signal of the host: handlers run where they would
/// without us, and interrupt nothing of ours.
///
/// # Errors
///
/// [`ErrorKind::Io`](crate::ErrorKind::Io) when there is no room for another thread.
pub(crate) fn start_deaf<T>(start: impl FnOnce(Builder) -> std::io::Result<T>) -> Result<T> {
    start_deaf_with_stack(STACK, start)
}

/// As [`start_deaf`], with a stack of so many bytes: for threads that run the host's code.
pub(crate) fn start_deaf_with_stack<T>(
    stack: usize,
    start: impl FnOnce(Builder) -> std::io::Result<T>,
) -> Result<T> {
    let _deaf = Mask::change(SigmaskHow::SIG_SETMASK, SigSet::all())?;
    let thread = start(Builder::new().name("sandlock".to_owned()).stack_size(stack));
    thread.map_err(|error| Error::io("clone(thread)", errno_of(&error)))
}

/// A lock behind which a panic leaves nothing half done.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
