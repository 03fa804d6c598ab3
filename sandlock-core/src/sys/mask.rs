//! The signals that a thread has blocked.

use std::marker::PhantomData;

use nix::sys::signal::{SigSet, SigmaskHow};

use crate::error::{Error, Result};

/// Other blocked signals of this thread, until it is dropped.
#[derive(Debug)]
pub(crate) struct Mask {
    before: SigSet,
    /// Of one thread, so not to be sent to another one.
    _thread: PhantomData<*const ()>,
}

impl Mask {
    /// pthread_sigmask(3).
    pub(crate) fn change(how: SigmaskHow, set: impl Into<SigSet>) -> Result<Mask> {
        let before = set
            .into()
            .thread_swap_mask(how)
            .map_err(|errno| Error::io("pthread_sigmask", errno as i32))?;
        Ok(Mask { before, _thread: PhantomData })
    }

    pub(crate) fn before(&self) -> &SigSet {
        &self.before
    }
}

impl Drop for Mask {
    fn drop(&mut self) {
        let restored = self.before.thread_set_mask();
        debug_assert!(restored.is_ok(), "the mask was valid before");
    }
}
