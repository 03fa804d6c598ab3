//! `sandlock.HandlerCtx`: what a handler sees of a call, as long as the call lasts.

#![allow(unsafe_code)]

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sandlock::{ErrorKind, TaskError};

use crate::action::NotifAction;
use crate::argument::{self, bytes, copied_fd, number, os_string, task_fd};
use crate::error::{OrRaise, plain};
use crate::interpreter::forks;
use crate::open_request::OpenRequest;

type Call = sandlock::HandlerCtx<'static>;

/// A system call that waits for an answer, and the task that makes it.
///
/// The task does not move on its own meanwhile, but its memory can change: other threads of its process
/// run on. Read once, decide on what was read, and do not read again.
///
/// It lives as long as the handler is asked: whatever is asked of it afterwards raises TaskGoneError.
/// A TaskError that a handler lets pass is no failure of the handler: the call is refused with its errno,
/// because a program that gives a bad address must not be able to end its run that way.
#[pyclass(frozen, module = "sandlock")]
pub(crate) struct HandlerCtx {
    call: RwLock<Option<&'static Call>>,
    /// A process that was forked has copies of this, but not of the thread whose call it is.
    forks: u64,
}

/// Shows a call as long as this lives.
pub(crate) struct Shown<'a, 'py>(&'a Bound<'py, HandlerCtx>);

impl HandlerCtx {
    /// An object for `cx`, and what ends it.
    pub(crate) fn new<'py>(
        py: Python<'py>,
        cx: &sandlock::HandlerCtx<'_>,
    ) -> PyResult<Bound<'py, HandlerCtx>> {
        // SAFETY: the reference is used under the lock alone, and `Shown` takes it away before `cx`
        // ends.
        let call = unsafe {
            std::mem::transmute::<&sandlock::HandlerCtx<'_>, &'static sandlock::HandlerCtx<'static>>(
                cx,
            )
        };
        Bound::new(py, HandlerCtx { call: RwLock::new(Some(call)), forks: forks() })
    }

    /// `None` where the call is that of another process.
    fn call(&self) -> Option<RwLockReadGuard<'_, Option<&'static Call>>> {
        (self.forks == forks()).then(|| self.call.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What `look` sees of the call, at once.
    fn look<T>(&self, py: Python<'_>, look: impl FnOnce(&Call) -> T) -> PyResult<T> {
        if self.forks != forks() {
            return Err(dead(py));
        }
        match self.call.try_read().as_deref() {
            Ok(Some(call)) => Ok(look(call)),
            // It is being ended, or has been.
            _ => Err(dead(py)),
        }
    }

    /// The same for what looks at the task: other Python threads run meanwhile. A program could have its
    /// memory come from somewhere slow, and must not be able to stop the whole interpreter.
    fn work<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Call) -> Result<T, TaskError> + Send,
    ) -> PyResult<T> {
        // The lock is let go of before the interpreter's is taken again.
        let done = py.detach(|| self.call()?.map(work));
        done.ok_or_else(|| dead(py))?.or_raise(py)
    }
}

impl<'a, 'py> Shown<'a, 'py> {
    pub(crate) fn new(context: &'a Bound<'py, HandlerCtx>) -> Shown<'a, 'py> {
        Shown(context)
    }
}

impl Drop for Shown<'_, '_> {
    fn drop(&mut self) {
        let call = &self.0.get().call;
        if let Ok(mut call) = call.try_write() {
            *call = None;
            return;
        }
        // Another thread of the host uses it, and may need the interpreter to be done.
        self.0.py().detach(|| *call.write().unwrap_or_else(PoisonError::into_inner) = None);
    }
}

#[pymethods]
impl HandlerCtx {
    /// The kernel's number for this call: no other one of the same run has it.
    #[getter]
    fn id(&self, py: Python<'_>) -> PyResult<u64> {
        self.look(py, |call| call.id())
    }

    /// The id of the task that calls: a thread id, which is the process id for a first thread only.
    #[getter]
    fn pid(&self, py: Python<'_>) -> PyResult<u32> {
        self.look(py, |call| call.pid())
    }

    /// The number of the call.
    #[getter]
    fn syscall(&self, py: Python<'_>) -> PyResult<u32> {
        self.look(py, |call| call.syscall().nr())
    }

    /// The name of the call, as in its manual page.
    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.look(py, |call| call.syscall().name())
    }

    /// Its six arguments as the registers have them, unsigned. The kernel ignores the upper halves of
    /// arguments of 32 bits: compare those as `& 0xffffffff`.
    #[getter]
    fn args(&self, py: Python<'_>) -> PyResult<(u64, u64, u64, u64, u64, u64)> {
        self.look(py, |call| call.args().into())
    }

    /// The address behind the instruction that makes the call.
    #[getter]
    fn instruction_pointer(&self, py: Python<'_>) -> PyResult<u64> {
        self.look(py, |call| call.instruction_pointer())
    }

    /// The architecture whose calls the task makes: "x86_64" or "aarch64".
    #[getter]
    fn arch(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.look(py, |call| call.arch().name())
    }

    /// Whether the task still waits for the answer.
    fn is_waiting(&self, py: Python<'_>) -> PyResult<bool> {
        self.look(py, |call| call.is_waiting())
    }

    /// The `size` bytes at `address` of the task's memory, at most 16 MiB.
    ///
    /// Raises TaskMemoryError where not all of them are mapped, never fewer bytes than asked for;
    /// TooLongError; TaskGoneError; TaskError where this process may not read that memory. A program can
    /// bring that about, so an unreadable argument is to be refused.
    #[pyo3(signature = (address, size, /))]
    fn read<'py>(
        &self,
        py: Python<'py>,
        address: &Bound<'py, PyAny>,
        size: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (address, size) = (argument::address(address)?, argument::size(size)?);
        let read = self.work(py, |call| call.read_child_mem(address, size))?;
        Ok(PyBytes::new(py, &read))
    }

    /// The bytes at `address` up to a NUL, without it; at most `max` with it.
    ///
    /// Raises TooLongError where there is no NUL among them; otherwise as read().
    #[pyo3(signature = (address, max, /))]
    fn read_cstr<'py>(
        &self,
        py: Python<'py>,
        address: &Bound<'py, PyAny>,
        max: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (address, max) = (argument::address(address)?, argument::size(max)?);
        let read = self.work(py, |call| call.read_child_cstr(address, max))?;
        Ok(PyBytes::new(py, &read))
    }

    /// The path that argument `index` points to, or the first argument of this call that is one, as the
    /// task gave it: a str in which bytes that are not UTF-8 survive as os.fsdecode() has them.
    ///
    /// Another thread of the program can change it before the kernel reads it, so a decision on it followed
    /// by NotifAction.continue_() holds against nobody who means to get past it: open_for_child() opens
    /// what was judged.
    ///
    /// Raises ArgumentError where the call has no such argument; otherwise as read_cstr(), with the
    /// kernel's limit of 4096 bytes.
    #[pyo3(signature = (index = None))]
    fn read_path<'py>(
        &self,
        py: Python<'py>,
        index: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let index = index.map(|index| number("index", index)).transpose()?;
        let syscall = self.look(py, |call| call.syscall())?;
        let Some(index) = index.or_else(|| syscall.path_args().first().copied()) else {
            let message = format!("{syscall} has no argument that is a path");
            return Err(plain(py, ErrorKind::Argument, &message));
        };
        argument::path(py, self.work(py, |call| call.path_arg(index))?)
    }

    /// Writes to the task's memory at `address`, at most 16 MiB; also to pages that the task itself can only
    /// read, as a debugger would.
    ///
    /// Raises TaskMemoryError where not all of it could be written, and some may have been; otherwise as
    /// read().
    #[pyo3(signature = (address, data, /))]
    fn write(
        &self,
        py: Python<'_>,
        address: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (address, data) = (argument::address(address)?, bytes(data)?);
        self.work(py, |call| call.write_child_mem(address, &data))
    }

    /// `path` as a person would want to see it: absolute, with the directory that it is relative to, the
    /// task's own or that of its descriptor `directory`, and without ".", ".." and doubled slashes. For
    /// display alone: never decide on it. Of `directory` the lower 32 bits count, as for the kernel.
    #[pyo3(signature = (path, directory = None))]
    fn display_path<'py>(
        &self,
        py: Python<'py>,
        path: &Bound<'py, PyAny>,
        directory: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let text = os_string(path)?;
        let directory = directory.map(task_fd).transpose()?;
        let shown = self.work(py, |call| call.display_path(directory, text))?;
        argument::path(py, shown)
    }

    /// What the call asks to open, read from the task's memory.
    ///
    /// Raises TaskError for calls that open nothing by path, and where the kernel would refuse the
    /// arguments; otherwise as read_path().
    fn open_request(&self, py: Python<'_>) -> PyResult<OpenRequest> {
        self.work(py, |call| call.open_request()).map(OpenRequest)
    }

    /// Opens what `request` asks for, in the task's place and within the policy, and returns the action
    /// that answers the call with it. What was judged is what is opened.
    ///
    /// Raises TaskError with the kernel's error number where the file is not granted, missing, or cannot be
    /// opened for somebody else (files of /proc, terminals, O_PATH).
    fn open_for_child(&self, py: Python<'_>, request: &OpenRequest) -> PyResult<NotifAction> {
        let opened = self.work(py, |call| call.open_for_child(&request.0))?;
        match opened {
            sandlock::NotifAction::InjectFd { fd, cloexec } => {
                Ok(NotifAction::injecting(fd, cloexec))
            }
            _ => Err(plain(py, ErrorKind::Internal, "an open is answered with a descriptor")),
        }
    }

    /// Puts a copy of `fd`, a number or an object with fileno(), into the task's table at `number`, closing
    /// what is there, and leaves the call unanswered. Of `number` the lower 32 bits count, as for the kernel.
    #[pyo3(signature = (number, fd, cloexec = true))]
    fn replace_fd(
        &self,
        py: Python<'_>,
        number: &Bound<'_, PyAny>,
        fd: &Bound<'_, PyAny>,
        cloexec: bool,
    ) -> PyResult<()> {
        let (number, fd) = (task_fd(number)?.cast_unsigned(), copied_fd(fd)?);
        self.work(py, |call| call.replace_fd(number, &fd, cloexec))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let shown =
            self.look(py, |call| format!("<HandlerCtx {} of task {}>", call.syscall(), call.pid()));
        shown.unwrap_or_else(|_| "<HandlerCtx, dead>".to_owned())
    }
}

fn dead(py: Python<'_>) -> PyErr {
    plain(py, ErrorKind::TaskGone, "the handler has been asked: this HandlerCtx is dead")
}
