//! `sandlock.Result` and what it consists of.

use pyo3::exceptions::PyBaseException;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use sandlock::{HandlerError, Output};

use crate::handler::Raised;

/// What the whole tree used, but for processes whose parents ignored SIGCHLD: the kernel counts those
/// nowhere.
#[pyclass(frozen, get_all, eq, module = "sandlock")]
#[derive(PartialEq)]
pub(crate) struct Usage {
    /// Seconds from the start to the end of the last process.
    wall: f64,
    /// Seconds of processor time in user mode.
    user: f64,
    /// Seconds of processor time in the kernel.
    system: f64,
    /// Peak resident memory of the largest process in bytes; None where it is not above the peak of this
    /// process at the start: that counts too, because a start shares memory with it.
    peak_memory: Option<u64>,
}

/// What was enforced.
#[pyclass(frozen, get_all, module = "sandlock")]
pub(crate) struct Enforcement {
    /// The Landlock ABI that is used.
    landlock_abi: u32,
    /// Protections that hold, by name.
    enforced: Py<PyTuple>,
    /// Protections that this kernel lacks, which the policy accepts.
    degraded: Py<PyTuple>,
    /// What the policy itself lifts from the defaults.
    weakened: Py<PyTuple>,
}

/// A failure of a handler or observer that did not end the run.
#[pyclass(frozen, get_all, module = "sandlock")]
pub(crate) struct HandlerFailure {
    /// The name of the call that it was asked about.
    syscall: String,
    /// Its name.
    handler: String,
    /// What went wrong.
    message: String,
    /// What it raised; None for a failure of another kind, such as a missed deadline.
    cause: Option<Py<PyBaseException>>,
}

/// How a program ended, what it printed, what it used and what was enforced. Plain data: comparable, and
/// it can be pickled.
#[pyclass(frozen, get_all, module = "sandlock")]
pub(crate) struct Result {
    /// The exit code; None if a signal, the timeout or a kill ended the program.
    exit_code: Option<i32>,
    /// The signal that ended the program, SIGKILL after a timeout or a kill; None otherwise.
    signal: Option<i32>,
    /// Why it ended: "exited", "signaled", "timeout" or "killed".
    reason: String,
    /// What was written to descriptor 1, up to the limit: bytes, or str where text was asked for. Empty if
    /// it was not captured.
    stdout: Py<PyAny>,
    /// The same of descriptor 2.
    stderr: Py<PyAny>,
    /// What the tree used.
    usage: Py<Usage>,
    /// What was enforced, degraded and weakened.
    enforcement: Py<Enforcement>,
    /// How many bytes of descriptor 1 came beyond the limit, and are lost.
    stdout_dropped: u64,
    /// The same of descriptor 2.
    stderr_dropped: u64,
    /// The first hundred failures of handlers and observers that did not end the run.
    handler_errors: Py<PyTuple>,
    /// How many more there were.
    handler_errors_dropped: u64,
}

/// How outputs become text.
#[derive(Clone)]
pub(crate) struct Text {
    pub(crate) encoding: String,
    pub(crate) errors: String,
}

impl Text {
    /// What the keywords `text`, `encoding` and `errors` ask for.
    ///
    /// An untrusted program must not be able to raise UnicodeDecodeError in its host: what is no text is
    /// replaced, where nothing else is said.
    pub(crate) fn wanted(
        py: Python<'_>,
        text: bool,
        encoding: Option<String>,
        errors: Option<String>,
    ) -> PyResult<Option<Text>> {
        // Before a program is started whose output nobody could read.
        if let Some(encoding) = &encoding {
            py.import("codecs")?.call_method1("lookup", (encoding,))?;
        }
        if let Some(errors) = &errors {
            py.import("codecs")?.call_method1("lookup_error", (errors,))?;
        }
        let wanted = text || encoding.is_some() || errors.is_some();
        Ok(wanted.then(|| Text {
            encoding: encoding.unwrap_or_else(|| "utf-8".to_owned()),
            errors: errors.unwrap_or_else(|| "replace".to_owned()),
        }))
    }

    fn decode<'py>(&self, bytes: Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyAny>> {
        bytes.call_method1("decode", (&self.encoding, &self.errors))
    }
}

impl Result {
    pub(crate) fn new(py: Python<'_>, output: &Output, text: Option<&Text>) -> PyResult<Result> {
        let stream = |bytes: &[u8]| {
            let bytes = PyBytes::new(py, bytes);
            text.map_or(Ok(bytes.clone().into_any()), |text| text.decode(bytes)).map(Bound::unbind)
        };
        let failures = output.handler_errors().iter();
        let failures = failures.map(|failure| HandlerFailure::new(py, failure));
        let failures = failures.collect::<PyResult<Vec<_>>>()?;
        Ok(Result {
            exit_code: output.code(),
            signal: output.signal(),
            reason: output.reason().name().to_owned(),
            stdout: stream(output.stdout())?,
            stderr: stream(output.stderr())?,
            usage: Py::new(py, Usage::new(output.usage()))?,
            enforcement: Py::new(py, Enforcement::new(py, output.enforcement())?)?,
            stdout_dropped: output.stdout_dropped(),
            stderr_dropped: output.stderr_dropped(),
            handler_errors: PyTuple::new(py, failures)?.unbind(),
            handler_errors_dropped: output.handler_errors_dropped(),
        })
    }
}

#[pymethods]
impl Result {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "one for each attribute, as pickle hands them")]
    fn build(
        exit_code: Option<i32>,
        signal: Option<i32>,
        reason: String,
        stdout: Py<PyAny>,
        stderr: Py<PyAny>,
        usage: Py<Usage>,
        enforcement: Py<Enforcement>,
        stdout_dropped: u64,
        stderr_dropped: u64,
        handler_errors: Py<PyTuple>,
        handler_errors_dropped: u64,
    ) -> Result {
        Result {
            exit_code,
            signal,
            reason,
            stdout,
            stderr,
            usage,
            enforcement,
            stdout_dropped,
            stderr_dropped,
            handler_errors,
            handler_errors_dropped,
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.handler_errors)
    }

    /// Whether the program exited with 0, in time.
    #[getter]
    fn success(&self) -> bool {
        self.exit_code == Some(0)
    }

    /// As subprocess has it: the exit code, or the negative number of the signal that ended the program.
    #[getter]
    fn returncode(&self) -> i32 {
        self.exit_code.or_else(|| self.signal.map(|signal| -signal)).unwrap_or(-1)
    }

    /// Raises ExitError, or TimeoutExpired after a timeout, unless the program succeeded.
    fn check(slf: &Bound<'_, Self>) -> PyResult<()> {
        let this = slf.get();
        if this.success() {
            return Ok(());
        }
        let raise = slf.py().import("sandlock._errors")?.getattr("raise_for")?;
        raise.call1((slf,)).map(drop)
    }

    fn __getnewargs__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let parts: [Bound<'py, PyAny>; 11] = [
            self.exit_code.into_pyobject(py)?.into_any(),
            self.signal.into_pyobject(py)?.into_any(),
            self.reason.clone().into_pyobject(py)?.into_any(),
            self.stdout.bind(py).clone(),
            self.stderr.bind(py).clone(),
            self.usage.bind(py).clone().into_any(),
            self.enforcement.bind(py).clone().into_any(),
            self.stdout_dropped.into_pyobject(py)?.into_any(),
            self.stderr_dropped.into_pyobject(py)?.into_any(),
            self.handler_errors.bind(py).clone().into_any(),
            self.handler_errors_dropped.into_pyobject(py)?.into_any(),
        ];
        PyTuple::new(py, parts)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(other) = other.cast::<Result>() else { return Ok(false) };
        let py = other.py();
        self.__getnewargs__(py)?.eq(other.get().__getnewargs__(py)?)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let end = match (self.exit_code, self.signal) {
            (Some(code), _) => format!("exit_code={code}"),
            (None, Some(signal)) => format!("signal={signal}"),
            (None, None) => String::new(),
        };
        let (stdout, stderr) = (beginning(self.stdout.bind(py))?, beginning(self.stderr.bind(py))?);
        Ok(format!("<Result {} {end} stdout={stdout} stderr={stderr}>", self.reason))
    }
}

/// As much as a person wants to see.
fn beginning(stream: &Bound<'_, PyAny>) -> PyResult<String> {
    const MOST: usize = 200;
    let length = stream.len()?;
    if length <= MOST {
        return Ok(stream.repr()?.to_string());
    }
    let first = stream.get_item(pyo3::types::PySlice::new(stream.py(), 0, MOST as isize, 1))?;
    Ok(format!("{}... ({length})", first.repr()?))
}

#[pymethods]
impl Usage {
    #[new]
    fn build(wall: f64, user: f64, system: f64, peak_memory: Option<u64>) -> Usage {
        Usage { wall, user, system, peak_memory }
    }

    fn __getnewargs__(&self) -> (f64, f64, f64, Option<u64>) {
        (self.wall, self.user, self.system, self.peak_memory)
    }

    fn __repr__(&self) -> String {
        let Usage { wall, user, system, peak_memory } = self;
        let peak = peak_memory.map_or_else(|| "None".to_owned(), |bytes| bytes.to_string());
        format!("<Usage wall={wall:.6} user={user:.6} system={system:.6} peak_memory={peak}>")
    }
}

impl Usage {
    pub(crate) fn new(usage: sandlock::Usage) -> Usage {
        Usage {
            wall: usage.wall.as_secs_f64(),
            user: usage.user.as_secs_f64(),
            system: usage.system.as_secs_f64(),
            peak_memory: usage.peak_memory,
        }
    }
}

#[pymethods]
impl Enforcement {
    #[new]
    fn build(
        landlock_abi: u32,
        enforced: Py<PyTuple>,
        degraded: Py<PyTuple>,
        weakened: Py<PyTuple>,
    ) -> Enforcement {
        Enforcement { landlock_abi, enforced, degraded, weakened }
    }

    fn __getnewargs__(&self, py: Python<'_>) -> (u32, Py<PyTuple>, Py<PyTuple>, Py<PyTuple>) {
        let [enforced, degraded, weakened] =
            [&self.enforced, &self.degraded, &self.weakened].map(|lines| lines.clone_ref(py));
        (self.landlock_abi, enforced, degraded, weakened)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(other) = other.cast::<Enforcement>() else { return Ok(false) };
        let py = other.py();
        let parts = |one: &Enforcement| one.__getnewargs__(py).into_pyobject(py);
        parts(self)?.eq(parts(other.get())?)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let lines = |lines: &Py<PyTuple>| lines.bind(py).repr();
        Ok(format!(
            "<Enforcement landlock_abi={} enforced={} degraded={} weakened={}>",
            self.landlock_abi,
            lines(&self.enforced)?,
            lines(&self.degraded)?,
            lines(&self.weakened)?
        ))
    }
}

impl Enforcement {
    pub(crate) fn new(
        py: Python<'_>,
        enforcement: &sandlock::Enforcement,
    ) -> PyResult<Enforcement> {
        let lines = |lines: &[String]| PyTuple::new(py, lines).map(Bound::unbind);
        Ok(Enforcement {
            landlock_abi: enforcement.landlock_abi,
            enforced: lines(&enforcement.enforced)?,
            degraded: lines(&enforcement.degraded)?,
            weakened: lines(&enforcement.weakened)?,
        })
    }
}

#[pymethods]
impl HandlerFailure {
    #[new]
    #[pyo3(signature = (syscall, handler, message, cause = None))]
    fn build(
        syscall: String,
        handler: String,
        message: String,
        cause: Option<Py<PyBaseException>>,
    ) -> HandlerFailure {
        HandlerFailure { syscall, handler, message, cause }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.cause)
    }

    /// Without the cause, which need not be something that can be pickled.
    fn __getnewargs__(&self) -> (&str, &str, &str) {
        (&self.syscall, &self.handler, &self.message)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let Ok(other) = other.cast::<HandlerFailure>() else { return false };
        self.__getnewargs__() == other.get().__getnewargs__()
    }

    fn __repr__(&self) -> String {
        format!("<HandlerFailure of {} at {}: {}>", self.handler, self.syscall, self.message)
    }
}

impl HandlerFailure {
    pub(crate) fn new(py: Python<'_>, failure: &HandlerError) -> PyResult<HandlerFailure> {
        Ok(HandlerFailure {
            syscall: failure.syscall.name().to_owned(),
            handler: failure.handler.clone(),
            message: failure.message.clone(),
            cause: cause_of(py, failure).map(|cause| cause.into_value(py)),
        })
    }
}

/// What the handler raised, if it failed by that.
pub(crate) fn cause_of(py: Python<'_>, failure: &HandlerError) -> Option<PyErr> {
    failure.cause()?.downcast_ref::<Raised>()?.error(py)
}

/// An object of plain data as a dictionary.
pub(crate) fn plain_data<'py>(
    py: Python<'py>,
    data: &impl serde::Serialize,
) -> PyResult<Bound<'py, PyDict>> {
    let text = serde_json::to_string(data).map_err(|error| {
        crate::error::plain(py, sandlock::ErrorKind::Internal, &error.to_string())
    })?;
    Ok(py.import("json")?.call_method1("loads", (text,))?.cast_into::<PyDict>()?)
}
