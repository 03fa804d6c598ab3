//! Writing to a program that has closed its input, without the signal.

use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

use crate::error::{Error, Result};
use crate::sys::raw;

/// Blocks SIGPIPE in this thread, and takes what came of it when dropped.
pub(super) struct WithoutSigpipe {
    before: SigSet,
}

impl WithoutSigpipe {
    pub(super) fn new() -> Result<WithoutSigpipe> {
        let pipe = SigSet::from(Signal::SIGPIPE);
        let before = pipe
            .thread_swap_mask(SigmaskHow::SIG_BLOCK)
            .map_err(|errno| Error::io("pthread_sigmask(SIG_BLOCK, SIGPIPE)", errno as i32))?;
        Ok(WithoutSigpipe { before })
    }
}

impl Drop for WithoutSigpipe {
    fn drop(&mut self) {
        if !self.before.contains(Signal::SIGPIPE) {
            let _taken = raw::take_signal(raw::signal_bit(libc::SIGPIPE), Some(Duration::ZERO));
        }
        let restored = self.before.thread_set_mask();
        debug_assert!(restored.is_ok(), "the mask was valid before");
    }
}
