//! Writing to a program that has closed its input, without the signal.

use std::time::Duration;

use nix::sys::signal::{SigmaskHow, Signal};

use crate::error::Result;
use crate::sys::mask::Mask;
use crate::sys::signal;

/// Blocks SIGPIPE in this thread, and takes what came of it when dropped.
#[derive(Debug)]
pub(super) struct WithoutSigpipe {
    mask: Mask,
}

impl WithoutSigpipe {
    pub(super) fn new() -> Result<WithoutSigpipe> {
        Ok(WithoutSigpipe { mask: Mask::change(SigmaskHow::SIG_BLOCK, Signal::SIGPIPE)? })
    }
}

impl Drop for WithoutSigpipe {
    fn drop(&mut self) {
        if !self.mask.before().contains(Signal::SIGPIPE) {
            let _taken = signal::take(signal::bit(libc::SIGPIPE), Some(Duration::ZERO));
        }
    }
}
