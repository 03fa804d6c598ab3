//! Ready-made handlers: the crate's own, which Python only names.

use std::sync::Arc;

use pyo3::exceptions::PyBaseException;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use sandlock::{HandlerOptions, ObserverOptions, Sandbox, Syscall};

use crate::argument::{copied_fd, number, os_string, register};
use crate::error::{OrRaise, raised};
use crate::handler::Callable;

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

/// An observer that records: one JSON object for each call, on a line of its own.
///
/// `target` is a path, to whose end records go (it is made for its owner alone); a descriptor or an object
/// with fileno(), of which a copy is kept; or a callable that is given each record as bytes without a line
/// end, by a thread of the library. Records carry the name of the sandbox. One can be registered for
/// several calls and on several sandboxes.
///
/// Watches what the program attempts, also what a handler refuses. The program never waits for the
/// target: what finds no room, or cannot be written, is dropped, counted, and told in its place by a record
/// {"v":1,"dropped":n}. When a run returns, its records are written; a target that takes nothing holds it
/// up for at most a second.
///
/// *Does not hold against* a program that means to deceive: paths are what its memory had when the call was
/// seen. What the policy refuses in the kernel is not seen. A program that can write to the file can forge
/// records: let it lie where the policy grants nothing.
///
/// Raises SystemCallError where the target cannot be opened, and ArgumentError where it is not open for
/// writing.
#[pyclass(frozen, module = "sandlock")]
pub(crate) struct Audit {
    audit: sandlock::Audit,
    /// Seen by the garbage collector here.
    callback: Option<Arc<Callable>>,
}

#[pymethods]
impl Audit {
    #[new]
    fn new(target: &Bound<'_, PyAny>) -> PyResult<Audit> {
        let py = target.py();
        let is_path = target.is_instance_of::<PyString>()
            || target.is_instance_of::<PyBytes>()
            || target.hasattr("__fspath__")?;
        if is_path {
            let path = os_string(target)?;
            let audit = py.detach(|| sandlock::Audit::to_file(path)).or_raise(py)?;
            return Ok(Audit { audit, callback: None });
        }
        if target.is_callable() {
            let callback = Arc::new(Callable::new(target.clone()));
            let told = Arc::clone(&callback);
            let audit = sandlock::Audit::to_callback(move |record| told.tell(record));
            return Ok(Audit { audit, callback: Some(callback) });
        }
        let audit = sandlock::Audit::to_fd(copied_fd(target)?).or_raise(py)?;
        Ok(Audit { audit, callback: None })
    }

    /// How many records were lost so far.
    #[getter]
    fn dropped(&self) -> u64 {
        self.audit.dropped()
    }

    /// Why the target took no more, as an exception; None while it does.
    #[getter]
    fn write_error<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBaseException>> {
        let error = self.audit.write_error()?;
        Some(raised(py, &error).into_value(py).into_bound(py))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.callback.as_ref().map_or(Ok(()), |callback| callback.traverse(&visit))
    }

    fn __clear__(&self) {
        drop(self.callback.as_ref().map(|callback| callback.clear()));
    }

    fn __repr__(&self) -> String {
        format!("<Audit, {} records dropped>", self.audit.dropped())
    }
}

/// One of them, to be registered.
#[derive(FromPyObject)]
pub(crate) enum Ready<'py> {
    Deny(Bound<'py, Deny>),
    Return(Bound<'py, Return>),
    Count(Bound<'py, Count>),
    Audit(Bound<'py, Audit>),
}

/// How it is called: an observer has a name and conditions alone.
pub(crate) struct Options<'a> {
    /// That of the sandbox.
    pub(crate) name: Option<&'a str>,
    pub(crate) handler: HandlerOptions,
    pub(crate) observer: ObserverOptions,
}

impl Ready<'_> {
    pub(crate) fn add(
        &self,
        sandbox: Sandbox,
        call: Syscall,
        options: &Options<'_>,
    ) -> sandlock::Result<Sandbox> {
        let Options { name, handler, observer } = options;
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
            Ready::Audit(audit) => {
                let audit = audit.get().audit.clone();
                let audit = name.iter().fold(audit, |audit, name| audit.sandbox_name(*name));
                sandbox.add_observer_with(call, audit, observer.clone())
            }
        }
    }
}
