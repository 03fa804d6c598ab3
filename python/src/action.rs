//! `sandlock.NotifAction`.

use std::hash::{Hash, Hasher};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::argument::{self, bytes, copied_fd};
use crate::error::unusable;

static CONTINUE: PyOnceLock<Py<NotifAction>> = PyOnceLock::new();

/// What a handler answers to a call. It can be returned any number of times.
#[pyclass(frozen, eq, hash, module = "sandlock")]
#[derive(PartialEq, Hash)]
pub(crate) struct NotifAction(Kind);

#[derive(PartialEq, Hash)]
enum Kind {
    Continue,
    Errno(i32),
    ReturnValue(i64),
    InjectFd { fd: File, cloexec: bool },
    InjectBytes(Vec<u8>),
    Kill,
}

/// An open file: equal to itself alone.
#[derive(Clone)]
struct File(Arc<OwnedFd>);

impl PartialEq for File {
    fn eq(&self, other: &File) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Hash for File {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

#[pymethods]
impl NotifAction {
    /// Goes on with the next handler; after the last one the kernel carries the call out, as far as the
    /// policy lets it. What the handler has read of the task's memory may have changed by then.
    #[staticmethod]
    fn continue_(py: Python<'_>) -> PyResult<Py<NotifAction>> {
        let made = || Py::new(py, NotifAction(Kind::Continue));
        CONTINUE.get_or_try_init(py, made).map(|action| action.clone_ref(py))
    }

    /// The call fails with this error number, 1 to 4095 (errno.EACCES).
    #[staticmethod]
    fn errno(py: Python<'_>, number: &Bound<'_, PyAny>) -> PyResult<NotifAction> {
        match argument::number("number", number)? {
            number @ 1..=4095 => Ok(NotifAction(Kind::Errno(number))),
            _ => Err(unusable(py, "an error number is one of 1 to 4095")),
        }
    }

    /// The call returns this, a number of 64 bits, and the kernel does nothing. Programs take -4095 to -1
    /// for error numbers.
    #[staticmethod]
    fn returns(value: &Bound<'_, PyAny>) -> PyResult<NotifAction> {
        let value = argument::register("value", value)?.cast_signed();
        Ok(NotifAction(Kind::ReturnValue(value)))
    }

    /// The task gets a descriptor for the same open file as `fd`, a number or an object with fileno(), and
    /// the call returns its number. The file is copied now: `fd` stays the caller's.
    #[staticmethod]
    #[pyo3(signature = (fd, cloexec = true))]
    fn inject_fd(fd: &Bound<'_, PyAny>, cloexec: bool) -> PyResult<NotifAction> {
        let fd = File(Arc::new(copied_fd(fd)?));
        Ok(NotifAction(Kind::InjectFd { fd, cloexec }))
    }

    /// The task gets a descriptor for a file in memory that holds these bytes and cannot be changed, and
    /// the call returns its number.
    #[staticmethod]
    fn inject_bytes(data: &Bound<'_, PyAny>) -> PyResult<NotifAction> {
        bytes(data).map(|data| NotifAction(Kind::InjectBytes(data)))
    }

    /// The whole tree is killed; the run ends with the reason "killed".
    #[staticmethod]
    fn kill() -> NotifAction {
        NotifAction(Kind::Kill)
    }

    fn __repr__(&self) -> String {
        match &self.0 {
            Kind::Continue => "NotifAction.continue_()".to_owned(),
            Kind::Errno(number) => format!("NotifAction.errno({number})"),
            Kind::ReturnValue(value) => format!("NotifAction.returns({value})"),
            Kind::InjectFd { cloexec, .. } => {
                let cloexec = if *cloexec { "True" } else { "False" };
                format!("NotifAction.inject_fd(..., cloexec={cloexec})")
            }
            Kind::InjectBytes(data) => format!("NotifAction.inject_bytes(<{} bytes>)", data.len()),
            Kind::Kill => "NotifAction.kill()".to_owned(),
        }
    }
}

impl NotifAction {
    /// The action of the crate. A descriptor that cannot be copied is a failure.
    pub(crate) fn action(&self) -> sandlock::NotifAction {
        use sandlock::NotifAction as Action;
        match &self.0 {
            Kind::Continue => Action::Continue,
            Kind::Errno(number) => Action::Errno(*number),
            Kind::ReturnValue(value) => Action::ReturnValue(*value),
            Kind::InjectFd { fd, cloexec } => match fd.0.try_clone() {
                Ok(fd) => Action::InjectFd { fd, cloexec: *cloexec },
                Err(error) => Action::Fail(error.into()),
            },
            Kind::InjectBytes(data) => Action::InjectBytes(data.clone()),
            Kind::Kill => Action::KillSandbox,
        }
    }

    /// An action of the context, for a handler to return.
    pub(crate) fn injecting(fd: OwnedFd, cloexec: bool) -> NotifAction {
        NotifAction(Kind::InjectFd { fd: File(Arc::new(fd)), cloexec })
    }
}
