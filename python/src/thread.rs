//! What Python keeps for a thread of the library.

#![allow(unsafe_code)]

use std::cell::OnceCell;

use pyo3::ffi;

use crate::interpreter;

thread_local! {
    static ATTACHED: OnceCell<Attached> = const { OnceCell::new() };
}

/// Python's state of this thread, which would otherwise be made for every call of a handler, and
/// thrown away behind it.
pub(crate) struct Attached(ffi::PyGILState_STATE);

impl Attached {
    /// Makes it, once.
    pub(crate) fn keep() {
        let kept = ATTACHED.try_with(|attached| {
            attached.get_or_init(Attached::new);
        });
        // In a thread that ends, nothing is kept.
        kept.unwrap_or(());
    }

    fn new() -> Attached {
        // SAFETY: the interpreter is there as long as somebody visits it, and this thread has not
        // entered it. What `Ensure` counts stays counted until this is dropped; meanwhile the lock is
        // let go.
        unsafe {
            let state = ffi::PyGILState_Ensure();
            ffi::PyEval_SaveThread();
            Attached(state)
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        interpreter::leave(|| {
            // SAFETY: as above; the second `Release` matches the `Ensure` of `new`, and frees the state.
            unsafe {
                let state = ffi::PyGILState_Ensure();
                // The state is not in use: it is the outer one that is let go of last.
                debug_assert!(matches!(state, ffi::PyGILState_STATE::PyGILState_UNLOCKED));
                ffi::PyGILState_Release(ffi::PyGILState_STATE::PyGILState_LOCKED);
                ffi::PyGILState_Release(self.0);
            }
        });
    }
}
