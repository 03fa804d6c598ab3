//! How handlers and observers are called, from keywords.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBool;
use sandlock::{ErrorKind, HandlerOptions, ObserverOptions, OnError, Priority, Syscall};

use crate::argument::{duration, number};
use crate::error::{OrRaise, plain};
use crate::keywords::Keywords;
use crate::when::When;

pub(crate) fn for_observer(keywords: &Keywords<'_, '_>) -> PyResult<ObserverOptions> {
    let mut options = ObserverOptions::new();
    if let Some(name) = keywords.get::<String>("name")? {
        options = options.name(name);
    }
    if let Some(allow) = keywords.get("allow_interruptible")? {
        options = options.allow_interruptible(allow);
    }
    if let Some(when) = keywords.object("when")? {
        options = conditions(&when)?.into_iter().fold(options, ObserverOptions::when);
    }
    Ok(options)
}

pub(crate) fn for_handler(keywords: &Keywords<'_, '_>) -> PyResult<HandlerOptions> {
    let mut options = HandlerOptions::from(for_observer(keywords)?);
    if let Some(priority) = keywords.object("priority")? {
        options = options.priority(place(priority.py(), &priority.extract::<String>()?)?);
    }
    if let Some(deadline) = keywords.object("deadline")? {
        options = options.pooled(duration("deadline", &deadline)?);
    }
    if let Some(on_error) = keywords.object("on_error")? {
        options = options.on_error(meaning(&on_error)?);
    }
    Ok(options)
}

fn place(py: Python<'_>, priority: &str) -> PyResult<Priority> {
    match priority {
        "after" => Ok(Priority::After),
        "before" => Ok(Priority::Before),
        other => {
            let message = format!("priority is \"after\" or \"before\", not {other:?}");
            Err(plain(py, ErrorKind::Registration, &message))
        }
    }
}

/// One condition, or several.
fn conditions(when: &Bound<'_, PyAny>) -> PyResult<Vec<sandlock::When>> {
    if let Ok(one) = when.cast::<When>() {
        return Ok(vec![one.get().when]);
    }
    let wrong = || PyTypeError::new_err("when is When.arg(i).eq(value) or its like, or several");
    let each = when.try_iter().map_err(|_| wrong())?;
    each.map(|one| Ok(one?.cast_into::<When>().map_err(|_| wrong())?.get().when)).collect()
}

fn meaning(on_error: &Bound<'_, PyAny>) -> PyResult<OnError> {
    match on_error.extract::<String>() {
        Ok(word) if word == "kill" => Ok(OnError::Kill),
        Ok(_) => {
            let message = "on_error is \"kill\" or an error number";
            Err(plain(on_error.py(), ErrorKind::Registration, message))
        }
        Err(_) => number("on_error", on_error).map(OnError::Deny),
    }
}

/// What handlers and observers take.
pub(crate) const SHOWN: [&str; 3] = ["name", "when", "allow_interruptible"];
/// What handlers take.
pub(crate) const ASKED: [&str; 6] =
    ["name", "when", "allow_interruptible", "priority", "deadline", "on_error"];

/// Calls by name or number.
pub(crate) fn syscalls(calls: &Bound<'_, PyAny>) -> PyResult<Vec<Syscall>> {
    calls.try_iter()?.map(|call| syscall(&call?)).collect()
}

fn syscall(call: &Bound<'_, PyAny>) -> PyResult<Syscall> {
    let py = call.py();
    if let Ok(name) = call.extract::<String>() {
        return Syscall::from_name(&name).or_raise(py);
    }
    if call.is_instance_of::<PyBool>() || !call.hasattr("__index__")? {
        return Err(PyTypeError::new_err("a system call is a name or a number"));
    }
    Syscall::checked(number("syscall", call)?).or_raise(py)
}
