//! Arguments that several functions take.

use std::ffi::OsString;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyInt, PyMemoryView};
use sandlock::TaskError;

use crate::error::{OrRaise, failed, unusable};

/// A text or path: `str` as the file system has it, `bytes`, or an `os.PathLike` of either.
pub(crate) fn os_string(object: &Bound<'_, PyAny>) -> PyResult<OsString> {
    let path = fspath(object)?;
    match path.cast::<PyBytes>() {
        Ok(bytes) => Ok(OsString::from_vec(bytes.as_bytes().to_vec())),
        Err(_) => path.extract(),
    }
}

/// What os.fspath() gives: where it is neither, or raises, Python says so. Nothing is imported, which
/// destructors cannot do that run when the interpreter ends.
#[allow(unsafe_code)]
fn fspath<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the object is alive and the interpreter held; a new reference comes back, or null with an
    // exception.
    unsafe { Bound::from_owned_ptr_or_err(object.py(), pyo3::ffi::PyOS_FSPath(object.as_ptr())) }
}

/// A path as Python has paths: any bytes survive.
pub(crate) fn path<'py>(
    py: Python<'py>,
    path: impl AsRef<std::ffi::OsStr>,
) -> PyResult<Bound<'py, PyAny>> {
    path.as_ref().into_pyobject(py).map(Bound::into_any).map_err(Into::into)
}

/// The bytes of an object that has some, like `bytes` and `bytearray`.
pub(crate) fn bytes(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let bytes = PyMemoryView::from(object)?.call_method0("tobytes")?;
    Ok(bytes.cast_into::<PyBytes>()?.as_bytes().to_vec())
}

/// A length of time: seconds, or a `datetime.timedelta`. `inf` is the longest one.
pub(crate) fn duration(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let seconds = match object.hasattr("total_seconds")? {
        true => object.call_method0("total_seconds")?,
        false => object.clone(),
    };
    let seconds = seconds.extract::<f64>().map_err(|error| {
        match error.is_instance_of::<PyTypeError>(object.py()) {
            true => {
                PyTypeError::new_err(format!("{name}: expected seconds or a datetime.timedelta"))
            }
            false => error,
        }
    })?;
    if seconds == f64::INFINITY {
        return Ok(Duration::MAX);
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        unusable(object.py(), &format!("{name}: {seconds} seconds is no length of time"))
    })
}

/// A whole number of this type.
pub(crate) fn number<T: TryFrom<i128>>(name: &str, object: &Bound<'_, PyAny>) -> PyResult<T> {
    let wrong = || unusable(object.py(), &format!("{name}: {object} is out of range"));
    match index(object)?.extract::<i128>() {
        Ok(value) => T::try_from(value).map_err(|_| wrong()),
        Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => Err(wrong()),
        Err(error) => Err(error),
    }
}

/// What stands for a whole number: Python 3.9 would take a float for one.
fn index<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match object.is_instance_of::<PyInt>() {
        true => Ok(object.clone()),
        false => object.py().import("operator")?.call_method1("index", (object,)),
    }
}

/// The 64 bits of a number; a negative one has those of its two's complement.
pub(crate) fn register(name: &str, object: &Bound<'_, PyAny>) -> PyResult<u64> {
    number::<i64>(name, object).map(i64::cast_unsigned).or_else(|_| number(name, object))
}

/// An address of a task. What handlers reckon with comes from the program, which must not be able to make
/// them fail: beyond 64 bits nothing is mapped.
pub(crate) fn address(object: &Bound<'_, PyAny>) -> PyResult<u64> {
    let py = object.py();
    register("address", object).or_else(|error| match error.is_instance_of::<PyValueError>(py) {
        true => Err(TaskError::Unmapped { address: u64::MAX, done: 0 }).or_raise(py),
        false => Err(error),
    })
}

/// How much of a task's memory is meant; as of [`address`], what no memory has is too much.
pub(crate) fn size(object: &Bound<'_, PyAny>) -> PyResult<usize> {
    number("size", object).or_else(|error| match object.gt(usize::MAX) {
        Ok(true) => Ok(usize::MAX),
        _ => Err(error),
    })
}

/// The number of a task's descriptor, or AT_FDCWD, as the kernel reads it: the lower half of a register.
pub(crate) fn task_fd(object: &Bound<'_, PyAny>) -> PyResult<i32> {
    Ok(register("descriptor", object)? as i32)
}

/// A copy of the descriptor that `object` is, or that its `fileno()` says.
pub(crate) fn copied_fd(object: &Bound<'_, PyAny>) -> PyResult<OwnedFd> {
    if object.is_instance_of::<PyBool>() {
        return Err(PyTypeError::new_err("True and False are no descriptors"));
    }
    let said = match object.hasattr("fileno")? {
        true => object.call_method0("fileno")?,
        false => object.clone(),
    };
    let number: RawFd = number("descriptor", &said)?;
    if number < 0 {
        return Err(unusable(object.py(), &format!("{number} is no descriptor")));
    }
    copied(number)
        .map_err(|error| failed(object.py(), &format!("fcntl({number}, F_DUPFD_CLOEXEC)"), &error))
}

#[allow(unsafe_code)]
fn copied(number: RawFd) -> std::io::Result<OwnedFd> {
    // SAFETY: it is not negative; copying one that is not open is an error, and it is used for nothing
    // else.
    unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned()
}
