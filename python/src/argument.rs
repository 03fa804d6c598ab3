//! Arguments that several functions take.

use std::ffi::OsString;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

/// A text or path: `str` as the file system has it, `bytes`, or an `os.PathLike` of either.
pub(crate) fn os_string(object: &Bound<'_, PyAny>) -> PyResult<OsString> {
    // Where it is neither, or raises, Python says so.
    let path = object.py().import("os")?.call_method1("fspath", (object,))?;
    match path.cast::<PyBytes>() {
        Ok(bytes) => Ok(OsString::from_vec(bytes.as_bytes().to_vec())),
        Err(_) => path.extract(),
    }
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
pub(crate) fn duration(object: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let seconds: f64 = match object.getattr("total_seconds") {
        Ok(seconds) => seconds.call0()?.extract()?,
        Err(_) => object.extract()?,
    };
    if seconds == f64::INFINITY {
        return Ok(Duration::MAX);
    }
    let wrong = |_| PyValueError::new_err(format!("{seconds} seconds is no length of time"));
    Duration::try_from_secs_f64(seconds).map_err(wrong)
}

/// A copy of the descriptor that `object` is, or that its `fileno()` says.
pub(crate) fn copied_fd(object: &Bound<'_, PyAny>) -> PyResult<OwnedFd> {
    let number: RawFd = match object.extract() {
        Ok(number) => number,
        Err(_) => object.call_method0("fileno")?.extract()?,
    };
    copied(number)
}

#[allow(unsafe_code)]
fn copied(number: RawFd) -> PyResult<OwnedFd> {
    if number < 0 {
        return Err(PyValueError::new_err(format!("{number} is no descriptor")));
    }
    // SAFETY: it is not -1; copying one that is not open is an error, and it is used for nothing else.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(borrowed.try_clone_to_owned()?)
}
