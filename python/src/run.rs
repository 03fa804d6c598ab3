//! A run that a Python thread or an event loop drives.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use sandlock::Polled;

use crate::error::{OrRaise, failed};
use crate::launch::Asked;
use crate::leftover::{Leftover, let_go};
use crate::result::{Result, Text};
use crate::sandbox::Sandbox;

/// How long to wait before looking for signals, in milliseconds: one can come between a look and
/// poll(2).
pub(crate) const LOOK_AGAIN: u16 = 250;

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
        // Whatever fails: what was begun ends while Python is let go of, for which its handlers may wait.
        let begun = py.detach(|| -> sandlock::Result<_> {
            let polled = ready.run_polled(launch)?;
            let events = polled.as_fd().try_clone_to_owned();
            Ok(events.map(|events| (Mutex::new(Some(polled)), events)))
        });
        let (polled, events) = begun
            .or_raise(py)?
            .map_err(|error| failed(py, "fcntl(run, F_DUPFD_CLOEXEC)", &error))?;
        Ok(Run { polled, events, text, sandbox: sandbox.clone().unbind() })
    }

    /// Waits until there is something to do, or a signal has come, whose handler runs then.
    fn wait_for_events(&self, py: Python<'_>) -> PyResult<()> {
        py.check_signals()?;
        let waited = py.detach(|| wait_for(self.events.as_fd(), LOOK_AGAIN.into()));
        waited.map_err(|error| failed(py, "poll(run)", &error))?;
        py.check_signals()
    }

    fn polled(&self) -> MutexGuard<'_, Option<Polled>> {
        self.polled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, py: Python<'_>) -> PyResult<Option<sandlock::Output>> {
        let advanced = py.detach(|| {
            let mut polled = self.polled();
            let advanced = polled.as_mut().map_or(Ok(None), Polled::advance);
            if !matches!(advanced, Ok(None)) {
                // Its end has been told: dropping it waits for nobody.
                drop(polled.take());
            }
            advanced
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
        loop {
            if let Some(result) = self.advance(py)? {
                return Ok(result);
            }
            self.wait_for_events(py)?;
        }
    }

    /// Asks for the end of the whole tree.
    fn kill(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.polled().as_mut().map_or(Ok(()), Polled::kill)).or_raise(py)
    }

    /// Whether nothing of the tree is left; a handler may still be asked.
    fn is_gone(&self, py: Python<'_>) -> bool {
        py.detach(|| self.polled().as_ref().is_none_or(Polled::is_gone))
    }

    /// Ends the tree, and waits until it is gone; a handler that is still being asked is waited for a
    /// moment. Signal handlers of Python run meanwhile.
    fn end(&self, py: Python<'_>) -> PyResult<()> {
        self.kill(py)?;
        let is_there = py.detach(|| self.polled().is_some());
        let mut patience = if is_there { 4 } else { 0 };
        while patience > 0 && self.ended(py).is_ok_and(|output| output.is_none()) {
            self.wait_for_events(py)?;
            patience -= i32::from(self.is_gone(py));
        }
        Ok(())
    }

    /// Lets go of it. What is left of the tree is ended, and not waited for.
    fn close(&self, py: Python<'_>) {
        // Never with the interpreter held: who has the lock may wait for a thread that wants to enter.
        let polled = py.detach(|| self.polled().take());
        let_go(py, polled);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.sandbox)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let polled = self.polled.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        Python::attach(|py| let_go(py, polled));
    }
}

impl Leftover for Polled {
    fn ask_for_its_end(&mut self) {
        self.kill().ok();
    }
}

/// Waits until `fd` is readable, the time is over, or a signal has come; whether it is readable.
pub(crate) fn wait_for(fd: BorrowedFd<'_>, patience: PollTimeout) -> std::io::Result<bool> {
    match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], patience) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
