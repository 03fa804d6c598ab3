//! A run that a Python thread or an event loop drives.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use sandlock::Polled;

use crate::error::{OrRaise, io};
use crate::launch::Asked;
use crate::result::{Result, Text};
use crate::sandbox::Sandbox;

/// A run under way, without a thread of its own.
#[pyclass(frozen, module = "sandlock._native")]
pub(crate) struct Run {
    polled: Mutex<Option<Polled>>,
    /// What the run waits for.
    events: OwnedFd,
    text: Option<Text>,
    /// Whose handlers are asked.
    sandbox: Py<Sandbox>,
}

impl Run {
    pub(crate) fn begin(sandbox: &Bound<'_, Sandbox>, asked: Asked) -> PyResult<Run> {
        let py = sandbox.py();
        let ready = sandbox.get().ready();
        let Asked { launch, text } = asked;
        let begun: sandlock::Result<_> = py.detach(|| {
            let polled = ready.run_polled(launch)?;
            // Without room for a copy the run ends here, while its threads may wait for Python.
            Ok(polled.as_fd().try_clone_to_owned().map(|events| (polled, events)))
        });
        let (polled, events) =
            begun.or_raise(py)?.map_err(|error| io(py, "fcntl(F_DUPFD_CLOEXEC)", &error))?;
        let polled = Mutex::new(Some(polled));
        Ok(Run { polled, events, text, sandbox: sandbox.clone().unbind() })
    }

    fn polled(&self) -> MutexGuard<'_, Option<Polled>> {
        self.polled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, py: Python<'_>) -> PyResult<Option<sandlock::Output>> {
        let advanced = py.detach(|| match &mut *self.polled() {
            Some(polled) => polled.advance(),
            None => Ok(None),
        });
        advanced.or_raise(py)
    }
}

#[pymethods]
impl Run {
    /// Readable when advance() has something to do.
    fn fileno(&self) -> i32 {
        self.events.as_raw_fd()
    }

    /// Does what there is to do without waiting; the result, once it has ended.
    fn advance(&self, py: Python<'_>) -> PyResult<Option<Result>> {
        let output = self.ended(py)?;
        output.map(|output| Result::new(py, &output, self.text.as_ref())).transpose()
    }

    /// Waits for the end. Signal handlers of Python run meanwhile, and what they raise is raised.
    fn wait(&self, py: Python<'_>) -> PyResult<Result> {
        // What came while it was started.
        py.check_signals()?;
        loop {
            if let Some(result) = self.advance(py)? {
                return Ok(result);
            }
            let waited = py.detach(|| wait_for(self.events.as_fd(), PollTimeout::NONE));
            waited.map_err(|errno| io(py, "poll(run)", &errno.into()))?;
            py.check_signals()?;
        }
    }

    /// Asks for the end of the whole tree.
    fn kill(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.polled().as_mut().map_or(Ok(()), Polled::kill)).or_raise(py)
    }

    /// Ends the tree, if it is still there, and waits until it is gone.
    fn close(&self, py: Python<'_>) {
        // Its end is that of the thread which answers its calls, and which may wait for Python.
        py.detach(|| drop(self.polled().take()));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.sandbox)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let polled = self.polled.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        drop_detached(polled);
    }
}

/// Drops what waits for threads of ours, which may wait for Python.
pub(crate) fn drop_detached<T: Send>(value: Option<T>) {
    let Some(value) = value else { return };
    let mut value = Some(value);
    // Without an interpreter there is none that they wait for.
    Python::try_attach(|py| py.detach(|| drop(value.take())));
}

/// Waits until `fd` is readable, the time is over, or a signal has come; whether it is readable.
pub(crate) fn wait_for(fd: BorrowedFd<'_>, patience: PollTimeout) -> nix::Result<bool> {
    match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], patience) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno),
    }
}
