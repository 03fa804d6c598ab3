//! A running program with a thread of the library that serves it.

use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::poll::PollTimeout;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::argument::{duration, path};
use crate::error::{OrRaise, failed};
use crate::launch::Asked;
use crate::leftover::{Leftover, let_go};
use crate::result::{Result, Text, Usage};
use crate::run::{LOOK_AGAIN, wait_for};
use crate::sandbox::Sandbox;

/// What sandlock.Process is made of.
#[pyclass(frozen, module = "sandlock._native")]
pub(crate) struct Child {
    /// Always there until it is dropped.
    child: Option<sandlock::Child>,
    /// Whether its end has been told.
    has_ended: AtomicBool,
    text: Option<Text>,
    /// Whose handlers are asked.
    sandbox: Py<Sandbox>,
}

impl Child {
    pub(crate) fn start(sandbox: &Bound<'_, Sandbox>, asked: Asked) -> PyResult<Child> {
        let py = sandbox.py();
        let ready = sandbox.get().ready();
        let Asked { launch, text } = asked;
        let child = Some(py.detach(|| ready.spawn(launch)).or_raise(py)?);
        let has_ended = AtomicBool::new(false);
        Ok(Child { child, has_ended, text, sandbox: sandbox.clone().unbind() })
    }

    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&sandlock::Child) -> sandlock::Result<T> + Send,
    ) -> PyResult<T> {
        let gone = || crate::error::plain(py, sandlock::ErrorKind::Internal, "the child has gone");
        let child = self.child.as_ref().ok_or_else(gone)?;
        py.detach(|| work(child)).or_raise(py)
    }
}

#[pymethods]
impl Child {
    #[getter]
    fn pid(&self, py: Python<'_>) -> PyResult<u32> {
        self.with(py, |child| Ok(child.id()))
    }

    /// How its streams become text, as encoding and treatment of errors; None where they are bytes.
    #[getter]
    fn text(&self) -> Option<(&str, &str)> {
        self.text.as_ref().map(|text| (&*text.encoding, &*text.errors))
    }

    /// Readable when nothing of the tree is left.
    fn fileno(&self, py: Python<'_>) -> PyResult<RawFd> {
        self.with(py, |child| Ok(child.as_fd().as_raw_fd()))
    }

    /// Our ends of the pipes behind 0, 1 and 2, which the caller closes; None where there is none, or it
    /// was given out.
    fn pipes(&self, py: Python<'_>) -> PyResult<[Option<RawFd>; 3]> {
        self.with(py, |child| {
            let stdin = child.stdin().map(OwnedFd::from);
            let stdout = child.stdout().map(OwnedFd::from);
            let stderr = child.stderr().map(OwnedFd::from);
            Ok([stdin, stdout, stderr].map(|pipe| pipe.map(IntoRawFd::into_raw_fd)))
        })
    }

    /// The result; None if the time, a number of seconds, is over before. Signal handlers of Python run
    /// meanwhile, and what they raise is raised.
    #[pyo3(signature = (timeout = None))]
    fn wait(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Result>> {
        let limit = timeout.map(|limit| duration("timeout", limit)).transpose()?;
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        // In a process that was forked it is an error, not to be waited for.
        self.with(py, sandlock::Child::try_wait)?;
        loop {
            py.check_signals()?;
            // Once the tree has gone, its thread may still be busy with a handler.
            let has_gone = self
                .with(py, |child| Ok(Child::wait_for_tree(child, deadline)))?
                .map_err(|error| failed(py, "poll(tree)", &error))?;
            let patience = if has_gone { LOOK_AGAIN.into() } else { 0 };
            let patience = Duration::from_millis(patience);
            if let Some(output) = self.with(py, |child| child.wait_timeout(patience))? {
                self.has_ended.store(true, Ordering::Release);
                return Result::new(py, &output, self.text.as_ref()).map(Some);
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(None);
            }
        }
    }

    /// Kills the whole tree.
    fn kill(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, sandlock::Child::kill)
    }

    /// Sends a signal to the program itself.
    fn signal(&self, py: Python<'_>, number: &Bound<'_, PyAny>) -> PyResult<()> {
        let number = crate::argument::number("signal", number)?;
        self.with(py, |child| child.signal(number))
    }

    /// Stops every process of the tree.
    fn pause(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, sandlock::Child::pause)
    }

    /// Lets every process of the tree go on.
    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, sandlock::Child::resume)
    }

    /// Every process of the tree: its id, its parent's, and its command.
    fn processes<'py>(&self, py: Python<'py>) -> PyResult<Vec<(u32, u32, Bound<'py, PyTuple>)>> {
        let processes = self.with(py, sandlock::Child::processes)?;
        let told = processes.iter().map(|one| {
            let words =
                one.command.iter().map(|word| path(py, word)).collect::<PyResult<Vec<_>>>()?;
            Ok((one.pid, one.parent, PyTuple::new(py, words)?))
        });
        told.collect()
    }

    /// What the tree has used so far.
    fn usage(&self, py: Python<'_>) -> PyResult<Usage> {
        self.with(py, sandlock::Child::usage).map(Usage::new)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        visit.call(&self.sandbox)
    }
}

impl Child {
    /// Waits for the end of the tree, the deadline, or a signal; whether the tree has gone.
    fn wait_for_tree(child: &sandlock::Child, deadline: Option<Instant>) -> std::io::Result<bool> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // Rounded up, or the last part of a millisecond would be spent in turning round.
        let millis = left.map_or(u128::MAX, |left| left.as_nanos().div_ceil(1_000_000));
        let millis = u16::try_from(millis).unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN);
        wait_for(child.as_fd(), PollTimeout::from(millis))
    }
}

/// A running program ends with what knows of it.
impl Drop for Child {
    fn drop(&mut self) {
        let child = self.child.take();
        Python::attach(|py| match &child {
            // Nothing is left that would be waited for.
            Some(_) if self.has_ended.load(Ordering::Acquire) => py.detach(|| drop(child)),
            _ => let_go(py, child),
        });
    }
}

impl Leftover for sandlock::Child {
    fn ask_for_its_end(&mut self) {
        self.kill().ok();
    }
}
