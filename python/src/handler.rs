//! Handlers and observers that are Python's.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;
use sandlock::{Handler, NotifAction, Observer};

use crate::action;
use crate::call::call;
use crate::context::{HandlerCtx, Shown};
use crate::interpreter::{enter, release};
use crate::verdict::Verdict;

static TASK_ERROR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Something to be called with a context.
pub(crate) struct Callable(Mutex<Option<Py<PyAny>>>);

/// What is called about a call, and about its verdict.
pub(crate) struct Watcher {
    pub(crate) call: Option<Callable>,
    pub(crate) verdict: Option<Callable>,
}

/// What Python raised, as an error of the crate: readable without the interpreter.
#[derive(Debug)]
pub(crate) struct Raised {
    /// Always there until it is dropped.
    error: Option<PyErr>,
    message: String,
}

impl Raised {
    pub(crate) fn error(&self, py: Python<'_>) -> Option<PyErr> {
        self.error.as_ref().map(|error| error.clone_ref(py))
    }
}

/// Its traceback has everything that the handler had: that goes now, and not when somebody calls into
/// this module the next time.
impl Drop for Raised {
    fn drop(&mut self) {
        release(self.error.take());
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Raised {}

impl From<PyErr> for Raised {
    fn from(error: PyErr) -> Raised {
        let message = error.to_string();
        Raised { error: Some(error), message }
    }
}

const ENDING: &str = "the Python interpreter is ending";
const CLEARED: &str = "the sandbox has been collected as garbage";

/// As of [`Raised`]: the last one who has it may be a thread of the library.
impl Drop for Callable {
    fn drop(&mut self) {
        release(self.clear());
    }
}

impl Callable {
    pub(crate) fn new(callable: Bound<'_, PyAny>) -> Callable {
        Callable(Mutex::new(Some(callable.unbind())))
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.try_lock() {
            Ok(callable) => visit.call(&*callable),
            Err(_) => Ok(()),
        }
    }

    /// Lets go of it: whoever calls it from now on fails.
    pub(crate) fn clear(&self) -> Option<Py<PyAny>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let callable = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*callable {
            Some(callable) => Ok(callable.bind(py).clone()),
            None => Err(pyo3::exceptions::PyReferenceError::new_err(CLEARED)),
        }
    }

    /// Gives it a record.
    ///
    /// # Panics
    ///
    /// Where it raises, or Python is ending: the record counts as dropped then.
    pub(crate) fn tell(&self, record: &[u8]) {
        let told = enter(|py| {
            let arguments = (PyBytes::new(py, record),).into_pyobject(py);
            let told = self.get(py).and_then(|tell| call(&tell, &arguments?, None));
            told.map(drop).map_err(Raised::from)
        });
        match told {
            Some(Ok(())) => {}
            // Without a word of the hook for panics: this is not one of ours.
            Some(Err(raised)) => resume_unwind(Box::new(raised.to_string())),
            None => resume_unwind(Box::new(ENDING.to_owned())),
        }
    }

    /// What it answers, called with a context that lives as long.
    fn ask<'py>(
        &self,
        py: Python<'py>,
        cx: &sandlock::HandlerCtx<'_>,
        verdict: Option<Verdict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let callable = self.get(py)?;
        let context = HandlerCtx::new(py, cx)?;
        let _shown = Shown::new(&context);
        let arguments = match verdict {
            None => (&context,).into_pyobject(py)?,
            Some(verdict) => (&context, verdict).into_pyobject(py)?,
        };
        call(&callable, &arguments, None)
    }

    fn decide(&self, py: Python<'_>, cx: &sandlock::HandlerCtx<'_>) -> PyResult<NotifAction> {
        let answer = self.ask(py, cx, None)?;
        match answer.cast::<action::NotifAction>() {
            Ok(action) => Ok(action.get().action()),
            Err(_) => Ok(NotifAction::Fail(not_an_action(&answer)?.into())),
        }
    }
}

fn not_an_action(answer: &Bound<'_, PyAny>) -> PyResult<String> {
    if answer.hasattr("__await__")? && answer.hasattr("close")? {
        // Or Python warns that nobody waited for it.
        answer.call_method0("close")?;
        return Ok(
            "answered with a coroutine: a handler that is `async def` itself is awaited".into()
        );
    }
    let kind = answer.get_type().name()?;
    let hint =
        if answer.is_callable() { "call it" } else { "return NotifAction.continue_() or its like" };
    Ok(format!("answered with {kind}, which is no NotifAction (hint: {hint})"))
}

/// What an observer says is ignored, but for a coroutine, which would have seen nothing.
fn check_done(answer: Bound<'_, PyAny>) -> PyResult<()> {
    if answer.is_none() || !answer.hasattr("__await__")? {
        return Ok(());
    }
    not_an_action(&answer)?;
    Err(PyTypeError::new_err("an observer cannot be `async def`: nobody waits for it"))
}

impl Handler for Callable {
    fn handle(&self, cx: &sandlock::HandlerCtx<'_>) -> NotifAction {
        let decided = enter(|py| self.decide(py, cx).unwrap_or_else(|error| refusal(py, error)));
        decided.unwrap_or_else(|| NotifAction::Fail(ENDING.into()))
    }
}

/// An error of the context is a refusal with its number, as in Rust; everything else is a failure.
fn refusal(py: Python<'_>, error: PyErr) -> NotifAction {
    match errno_of_task(py, &error) {
        Ok(Some(errno)) => NotifAction::Errno(errno),
        Ok(None) => NotifAction::Fail(Raised::from(error).into()),
        Err(error) => NotifAction::Fail(Raised::from(error).into()),
    }
}

fn errno_of_task(py: Python<'_>, error: &PyErr) -> PyResult<Option<i32>> {
    let class = TASK_ERROR.get_or_try_init(py, || {
        py.import("sandlock._errors")?.getattr("TaskError").map(Bound::unbind)
    })?;
    if !error.is_instance(py, class.bind(py)) {
        return Ok(None);
    }
    let errno: Option<i32> = error.value(py).getattr("errno")?.extract()?;
    Ok(Some(errno.filter(|errno| (1..=4095).contains(errno)).unwrap_or(nix::libc::EPERM)))
}

impl Watcher {
    fn show(
        callable: Option<&Callable>,
        cx: &sandlock::HandlerCtx<'_>,
        verdict: Option<&sandlock::Verdict<'_>>,
    ) {
        let Some(callable) = callable else { return };
        let shown = enter(|py| {
            let shown = callable.ask(py, cx, verdict.map(Verdict::new)).and_then(check_done);
            shown.map_err(Raised::from)
        });
        match shown {
            Some(Ok(())) => {}
            Some(Err(raised)) => cx.fail(raised),
            None => cx.fail(ENDING),
        }
    }

    pub(crate) fn callables(&self) -> impl Iterator<Item = &Callable> {
        self.call.iter().chain(&self.verdict)
    }
}

impl Observer for Watcher {
    fn call(&self, cx: &sandlock::HandlerCtx<'_>) {
        Watcher::show(self.call.as_ref(), cx, None);
    }

    fn verdict(&self, cx: &sandlock::HandlerCtx<'_>, verdict: &sandlock::Verdict<'_>) {
        Watcher::show(self.verdict.as_ref(), cx, Some(verdict));
    }
}
