//! Ready-made handlers: the crate's own, which Python only names.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use sandlock::{HandlerOptions, ObserverOptions, Sandbox, Syscall};

use crate::argument::{number, register};
use crate::error::OrRaise;

/// A handler that refuses each call with an error number, 1 to 4095; EPERM if nothing is said.
///
/// Decides. *Holds against* everything that the program does: it looks at no memory of the program's.
/// Which calls, says the registration; with `when`, only those whose arguments match.
///
/// Raises ArgumentError for a number that is none.
#[pyclass(frozen, module = "sandlock")]
pub(crate) struct Deny {
    handler: sandlock::Deny,
    errno: i32,
}

#[pymethods]
impl Deny {
    #[new]
    #[pyo3(signature = (errno = None), text_signature = "(errno=1)")]
    fn new(py: Python<'_>, errno: Option<&Bound<'_, PyAny>>) -> PyResult<Deny> {
        let errno = errno.map_or(Ok(nix::libc::EPERM), |errno| number("errno", errno))?;
        Ok(Deny { handler: sandlock::Deny::new(errno).or_raise(py)?, errno })
    }

    fn __repr__(&self) -> String {
        format!("Deny({})", self.errno)
    }
}

/// A handler that answers each call with a fixed value, a number of 64 bits; the kernel does nothing.
/// Programs take -4095 to -1 for error numbers.
///
/// Decides. *Holds against* everything that the program does: it looks at no memory of the program's.
#[pyclass(frozen, module = "sandlock")]
pub(crate) struct Return {
    handler: sandlock::Return,
    value: i64,
}

#[pymethods]
impl Return {
    #[new]
    fn new(value: &Bound<'_, PyAny>) -> PyResult<Return> {
        let value = register("value", value)?.cast_signed();
        Ok(Return { handler: sandlock::Return::new(value), value })
    }

    fn __repr__(&self) -> String {
        format!("Return({})", self.value)
    }
}

/// An observer that counts calls by what became of them. Calls that the policy's filter refuses in the
/// kernel are seen by nobody.
///
/// Watches. One can be registered for several calls, and on several sandboxes.
#[pyclass(frozen, module = "sandlock")]
pub(crate) struct Count(sandlock::Count);

#[pymethods]
impl Count {
    #[new]
    fn new() -> Count {
        Count(sandlock::Count::new())
    }

    /// What was counted so far, also while programs run: {call: {verdict: number}}, with the verdicts
    /// "continue", "refused", "answered", "injected", "killed" and "gone" that there were.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = PyDict::new(py);
        for (syscall, verdicts) in self.0.counts() {
            counts.set_item(syscall.name(), verdicts)?;
        }
        Ok(counts)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<Count {}>", self.counts(py)?.repr()?))
    }
}

/// One of them, to be registered.
#[derive(FromPyObject)]
pub(crate) enum Ready<'py> {
    Deny(Bound<'py, Deny>),
    Return(Bound<'py, Return>),
    Count(Bound<'py, Count>),
}

/// How it is called: an observer has a name and conditions alone.
pub(crate) struct Options {
    pub(crate) handler: HandlerOptions,
    pub(crate) observer: ObserverOptions,
}

impl Ready<'_> {
    pub(crate) fn add(
        &self,
        sandbox: Sandbox,
        call: Syscall,
        options: &Options,
    ) -> sandlock::Result<Sandbox> {
        let Options { handler, observer } = options;
        match self {
            Ready::Deny(deny) => {
                sandbox.add_handler_with(call, deny.get().handler, handler.clone())
            }
            Ready::Return(answer) => {
                sandbox.add_handler_with(call, answer.get().handler, handler.clone())
            }
            Ready::Count(count) => {
                sandbox.add_observer_with(call, count.get().0.clone(), observer.clone())
            }
        }
    }
}
