//! Threads of the library in somebody else's process.

use std::thread::Builder;

use nix::sys::signal::{SigSet, SigmaskHow};

use crate::error::{Error, Result};
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
    let failed = |errno| Error::io("pthread_sigmask(SIG_SETMASK)", errno as i32);
    let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).map_err(failed)?;
    let thread = start(Builder::new().name("sandlock".to_owned()).stack_size(STACK));
    mask.thread_set_mask().map_err(failed)?;
    thread.map_err(|error| Error::io("clone(thread)", errno_of(&error)))
}
