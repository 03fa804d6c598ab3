//! Errors of the crate as exceptions of the package.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use sandlock::{Error, ErrorKind};

use crate::call::call;
use crate::result;

/// The module that defines a class for each kind.
const MODULE: &str = "sandlock._errors";

static CLASS_OF: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The names of all kinds with their numbers, for the classes' module.
pub(crate) fn kinds(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let kinds = PyDict::new(py);
    for kind in ErrorKind::ALL {
        kinds.set_item(kind.name(), kind.code())?;
    }
    Ok(kinds)
}

/// The exception for `error`. What a handler raised is its cause.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    match exception(py, error) {
        Ok(exception) => exception,
        // What keeps us from raising it is to be seen.
        Err(other) => other,
    }
}

fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let fields = PyDict::new(py);
    fields.set_item("errno", error.errno())?;
    fields.set_item("setting", error.setting())?;
    fields.set_item("step", error.step().map(|step| step.to_string()))?;
    fields.set_item("hint", error.hint())?;
    let problems = error.problems().iter().map(|one| (&one.setting, &one.message));
    fields.set_item("problems", PyTuple::new(py, problems)?)?;
    if let Some(failure) = error.handler_error() {
        fields.set_item("handler_error", result::HandlerFailure::new(py, failure)?)?;
    }
    if let Some(output) = error.output() {
        fields.set_item("result", result::Result::new(py, output, None)?)?;
    }
    let exception = of_kind(py, error.kind(), &error.to_string(), &fields)?;
    if let Some(failure) = error.handler_error() {
        exception.set_cause(py, result::cause_of(py, failure));
    }
    Ok(exception)
}

/// An exception of this kind with these attributes.
pub(crate) fn of_kind(
    py: Python<'_>,
    kind: ErrorKind,
    message: &str,
    fields: &Bound<'_, PyDict>,
) -> PyResult<PyErr> {
    let class_of = CLASS_OF
        .get_or_try_init(py, || py.import(MODULE)?.getattr("CLASS_OF_KIND").map(Bound::unbind))?;
    let class = class_of.bind(py).get_item(kind.name())?.cast_into::<PyType>()?;
    let message = (message,).into_pyobject(py)?;
    Ok(PyErr::from_value(call(&class, &message, Some(fields))?))
}

/// An exception of this kind with a message alone.
pub(crate) fn plain(py: Python<'_>, kind: ErrorKind, message: &str) -> PyErr {
    of_kind(py, kind, message, &PyDict::new(py)).unwrap_or_else(|other| other)
}

/// An argument that cannot be used.
pub(crate) fn unusable(py: Python<'_>, message: &str) -> PyErr {
    plain(py, ErrorKind::Argument, message)
}

/// A system call of ours that failed: `call` names it with its arguments.
pub(crate) fn failed(py: Python<'_>, call: &str, error: &std::io::Error) -> PyErr {
    let fields = PyDict::new(py);
    let errno = error.raw_os_error();
    let reason = errno.map(|errno| nix::errno::Errno::from_raw(errno).desc());
    let message = format!("{call}: {}", reason.unwrap_or("failed"));
    fields
        .set_item("errno", errno)
        .and_then(|()| of_kind(py, ErrorKind::Io, &message, &fields))
        .unwrap_or_else(|other| other)
}

/// For results of the crate.
pub(crate) trait OrRaise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T, E: Into<Error>> OrRaise<T> for std::result::Result<T, E> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| raised(py, &error.into()))
    }
}
