//! The way into Python from threads that are not Python's.

#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::thread::Attached;

/// How many threads of the library are in Python, or about to be.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// Set when the interpreter ends: who entered it then would end in the middle of our code.
static CLOSED: AtomicBool = AtomicBool::new(false);
/// How often a process was forked on the way to this one.
static FORKS: AtomicU64 = AtomicU64::new(0);
/// How long the end of the interpreter waits for threads that are in Python.
const PATIENCE: Duration = Duration::from_secs(1);

/// Holds the interpreter's end up.
struct Visit {
    forks: u64,
}

impl Visit {
    fn begin() -> Option<Visit> {
        let visit = Visit { forks: forks() };
        INSIDE.fetch_add(1, Ordering::SeqCst);
        // In this order: who closes sees the visit, or is seen here.
        (!CLOSED.load(Ordering::SeqCst)).then_some(visit)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if forks() != self.forks {
            // A handler has forked, and this is the child on its way out of the handler: what waits for
            // an answer is the parent's, and so is all that the thread would do next.
            quit();
        }
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

fn quit() -> ! {
    // SAFETY: it ends the process and touches nothing of it.
    unsafe { nix::libc::_exit(1) }
}

/// Changes when a process is forked: what others had on their stacks is not there then.
pub(crate) fn forks() -> u64 {
    FORKS.load(Ordering::SeqCst)
}

/// Refuses to be imported by another interpreter than the main one: that one is entered here, and what
/// is found once, like the classes of exceptions, is its own. From Python 3.12 Python refuses by itself.
pub(crate) fn check_main() -> PyResult<()> {
    // SAFETY: this thread is in an interpreter, which is always there meanwhile.
    match unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) } {
        0 => Ok(()),
        _ => {
            Err(PyImportError::new_err("sandlock works in the main interpreter of a process alone"))
        }
    }
}

/// Carries out `work` in Python; `None` where the interpreter is ending.
pub(crate) fn enter<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    let _visit = Visit::begin()?;
    Attached::keep();
    Python::try_attach(work)
}

/// Lets go of what a thread has in Python, where Python is still there.
pub(crate) fn leave(work: impl FnOnce()) {
    if let Some(_visit) = Visit::begin() {
        work();
    }
}

/// Drops something of Python's, in whatever thread. Where the interpreter is ending, it ends with that.
pub(crate) fn release<T>(value: T) {
    let mut value = Some(value);
    if let Some(_visit) = Visit::begin() {
        Python::try_attach(|_| drop(value.take()));
    }
}

/// Called when the interpreter ends: from here on no handler is asked, and every call that one would
/// have been asked about is refused. A handler that is still in Python after a second
/// [stops there](crate::call).
#[pyfunction]
pub(crate) fn _close(py: Python<'_>) {
    CLOSED.store(true, Ordering::SeqCst);
    py.detach(|| {
        let deadline = Instant::now() + PATIENCE;
        while INSIDE.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Called in a process that was forked: threads that were in Python are not there.
#[pyfunction]
pub(crate) fn _after_fork() {
    INSIDE.store(0, Ordering::SeqCst);
    FORKS.fetch_add(1, Ordering::SeqCst);
}
