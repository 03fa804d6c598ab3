//! What is left when Python lets go of a tree that has not ended.

use nix::sys::signal::{SigSet, SigmaskHow};
use pyo3::prelude::*;

/// Something whose drop ends a tree and waits until it is gone.
pub(crate) trait Leftover: Send + 'static {
    /// Soon, without waiting.
    fn ask_for_its_end(&mut self);
}

/// Drops it in a thread of its own. The garbage collector runs in whatever thread there is, that of a
/// handler included, and must not wait for what may wait for this thread, or for Python.
pub(crate) fn let_go<T: Leftover>(py: Python<'_>, leftover: Option<T>) {
    let Some(mut leftover) = leftover else { return };
    py.detach(|| {
        leftover.ask_for_its_end();
        // The thread takes no signal of the host: Python looks for them in its main thread.
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
        let builder = std::thread::Builder::new().name("sandlock".to_owned());
        // Where there is no room for another thread it is waited for, rather than left to itself.
        builder.spawn(move || drop(leftover)).map(drop).ok();
        mask.and_then(|mask| mask.thread_set_mask()).ok();
    });
}
