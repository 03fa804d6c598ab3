//! Arguments that several functions take.

use std::ffi::OsString;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyString};

use crate::error::io;

/// A text or path: `str` as the file system has it, `bytes`, or an `os.PathLike` of either.
pub(crate) fn os_string(object: &Bound<'_, PyAny>) -> PyResult<OsString> {
    if let Ok(text) = object.cast::<PyString>() {
        return text.extract();
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(OsString::from_vec(bytes.as_bytes().to_vec()));
    }
    let path = object.call_method0("__fspath__").map_err(|_| {
        let name = object.get_type().name().map(|name| name.to_string());
        let name = name.unwrap_or_else(|_| "object".to_owned());
        PyTypeError::new_err(format!("expected str, bytes or os.PathLike, not {name}"))
    })?;
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
    copied(object.py(), number)
}

#[allow(unsafe_code)]
fn copied(py: Python<'_>, number: RawFd) -> PyResult<OwnedFd> {
    if number < 0 {
        return Err(PyValueError::new_err(format!("{number} is no descriptor")));
    }
    // SAFETY: it is not -1; copying one that is not open is an error, and it is used for nothing else.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let copy = borrowed.try_clone_to_owned();
    copy.map_err(|error| io(py, &format!("fcntl({number}, F_DUPFD_CLOEXEC)"), &error))
}
