//! What Python keeps for a thread of the library.

#![allow(unsafe_code)]

use std::cell::OnceCell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;

use crate::interpreter;

thread_local! {
    static ATTACHED: OnceCell<Attached> = const { OnceCell::new() };
}

/// The threads that Python keeps something for, by its numbers.
static THREADS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

/// Python's state of this thread, which would otherwise be made for every call of a handler, and
/// thrown away behind it.
pub(crate) struct Attached {
    state: ffi::PyGILState_STATE,
    number: u64,
}

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
        let (state, number) = unsafe {
            let state = ffi::PyGILState_Ensure();
            let number = ffi::PyThread_get_thread_ident();
            ffi::PyEval_SaveThread();
            (state, number)
        };
        threads().push(number);
        Attached { state, number }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        threads().retain(|number| *number != self.number);
        interpreter::leave(|| {
            // SAFETY: as above; the second `Release` matches the `Ensure` of `new`, and frees the state.
            unsafe {
                let state = ffi::PyGILState_Ensure();
                // The state is not in use: it is the outer one that is let go of last.
                debug_assert!(matches!(state, ffi::PyGILState_STATE::PyGILState_UNLOCKED));
                ffi::PyGILState_Release(ffi::PyGILState_STATE::PyGILState_LOCKED);
                ffi::PyGILState_Release(self.state);
            }
        });
    }
}

fn threads() -> MutexGuard<'static, Vec<u64>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Raises SystemExit in every thread of the library that runs Python code.
pub(crate) fn interrupt_all(py: Python<'_>) {
    let exit = py.get_type::<pyo3::exceptions::PySystemExit>();
    for number in threads().clone() {
        // SAFETY: the interpreter's lock is held, and Python looks for the thread of that number itself.
        unsafe { ffi::PyThreadState_SetAsyncExc(number as _, exit.as_ptr()) };
    }
}
