//! How handlers and observers are called, from keywords.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use sandlock::{HandlerOptions, ObserverOptions, OnError, Priority, Syscall};

use crate::argument::duration;
use crate::error::OrRaise;
use crate::when::When;

/// The keywords of a registration.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Keywords<'py> {
    name: String,
    #[pyo3(default)]
    when: Option<Bound<'py, PyAny>>,
    #[pyo3(default)]
    allow_interruptible: bool,
    #[pyo3(default)]
    priority: Option<String>,
    #[pyo3(default)]
    deadline: Option<Bound<'py, PyAny>>,
    #[pyo3(default)]
    on_error: Option<Bound<'py, PyAny>>,
}

impl<'py> Keywords<'py> {
    pub(crate) fn new(keywords: &Bound<'py, PyDict>) -> PyResult<Keywords<'py>> {
        keywords.extract()
    }

    pub(crate) fn for_observer(&self) -> PyResult<ObserverOptions> {
        let mut options = ObserverOptions::new()
            .name(&self.name)
            .allow_interruptible(self.allow_interruptible);
        for when in self.conditions()? {
            options = options.when(when);
        }
        Ok(options)
    }

    pub(crate) fn for_handler(&self) -> PyResult<HandlerOptions> {
        let mut options = HandlerOptions::from(self.for_observer()?);
        options = match self.priority.as_deref() {
            None | Some("after") => options,
            Some("before") => options.priority(Priority::Before),
            Some(other) => {
                let message = format!("priority is \"after\" or \"before\", not {other:?}");
                return Err(PyValueError::new_err(message));
            }
        };
        if let Some(deadline) = &self.deadline {
            options = options.pooled(duration(deadline)?);
        }
        Ok(match &self.on_error {
            Some(on_error) => options.on_error(meaning(on_error)?),
            None => options,
        })
    }

    /// One condition, or several.
    fn conditions(&self) -> PyResult<Vec<sandlock::When>> {
        let Some(when) = &self.when else { return Ok(Vec::new()) };
        if let Ok(one) = when.cast::<When>() {
            return Ok(vec![one.get().when]);
        }
        when.try_iter()?.map(|one| Ok(one?.cast_into::<When>()?.get().when)).collect()
    }
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
    let number = call.extract::<i64>().map_err(|_| {
        PyTypeError::new_err("a system call is a name or a number")
    })?;
    Syscall::checked(number).or_raise(py)
}
