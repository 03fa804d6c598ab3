//! Calls of code that is written in Python.

#![allow(unsafe_code)]

use std::hint::black_box;
use std::mem::{forget, transmute};
use std::thread::park;

use pyo3::ffi::{PyObject, PyObject_Call};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// PyObject_Call() as it is: it may unwind, which pyo3's declaration rules out.
type Call =
    unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;

/// What `callable` returns. Python code can be in it for long, and below Python 3.14 the interpreter's
/// end is that of a thread which runs some: pthread_exit(3) unwinds its stack, and ends the process
/// where it meets Rust. Here the thread stops instead, as it does in Python 3.14.
pub(crate) fn call<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
    keywords: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let keywords = keywords.map_or(std::ptr::null_mut(), |keywords| keywords.as_ptr());
    // SAFETY: the types differ in what the compiler may conclude alone.
    let unwinding: Call = unsafe { transmute(PyObject_Call as *const ()) };
    // Or it would conclude that it knows this function, and that one does not unwind.
    let unwinding = black_box(unwinding);
    let stop = Stop;
    // SAFETY: all three are alive and of the right types, and the interpreter is held. A new reference
    // comes back, or null with an exception.
    let returned = unsafe {
        let returned = unwinding(callable.as_ptr(), arguments.as_ptr(), keywords);
        Bound::from_owned_ptr_or_err(callable.py(), returned)
    };
    forget(stop);
    returned
}

/// Stops the thread where its stack is unwound.
struct Stop;

impl Drop for Stop {
    fn drop(&mut self) {
        loop {
            park();
        }
    }
}
