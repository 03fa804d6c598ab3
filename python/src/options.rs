//! How handlers and observers are called, from keywords.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use sandlock::{HandlerOptions, ObserverOptions, OnError, Priority, Syscall};

use crate::argument::duration;
use crate::error::OrRaise;
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
    if let Some(priority) = keywords.get::<String>("priority")? {
        options = options.priority(place(&priority)?);
    }
    if let Some(deadline) = keywords.object("deadline")? {
        options = options.pooled(duration(&deadline)?);
    }
    if let Some(on_error) = keywords.object("on_error")? {
        options = options.on_error(meaning(&on_error)?);
    }
    Ok(options)
}

fn place(priority: &str) -> PyResult<Priority> {
    match priority {
        "after" => Ok(Priority::After),
        "before" => Ok(Priority::Before),
        other => {
            let message = format!("priority is \"after\" or \"before\", not {other:?}");
            Err(PyValueError::new_err(message))
        }
    }
}

/// One condition, or several.
fn conditions(when: &Bound<'_, PyAny>) -> PyResult<Vec<sandlock::When>> {
    if let Ok(one) = when.cast::<When>() {
        return Ok(vec![one.get().when]);
    }
    when.try_iter()?.map(|one| Ok(one?.cast_into::<When>()?.get().when)).collect()
}

fn meaning(on_error: &Bound<'_, PyAny>) -> PyResult<OnError> {
    if let Ok(errno) = on_error.extract::<i32>() {
        return Ok(OnError::Deny(errno));
    }
    match on_error.extract::<String>() {
        Ok(word) if word == "kill" => Ok(OnError::Kill),
        _ => Err(PyValueError::new_err("on_error is \"kill\" or an error number")),
    }
}

/// Calls by name or number.
pub(crate) fn syscalls(calls: &Bound<'_, PyAny>) -> PyResult<Vec<Syscall>> {
    calls.try_iter()?.map(|call| syscall(&call?)).collect()
}

fn syscall(call: &Bound<'_, PyAny>) -> PyResult<Syscall> {
    let py = call.py();
    if let Ok(name) = call.extract::<String>() {
        return Syscall::from_name(&name).or_raise(py);
    }
    let number = call
        .extract::<i64>()
        .map_err(|_| PyTypeError::new_err("a system call is a name or a number"))?;
    Syscall::checked(number).or_raise(py)
}
