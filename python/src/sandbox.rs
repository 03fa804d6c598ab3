//! What `sandlock.Sandbox` is made of.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::child::Child;
use crate::error::OrRaise;
use crate::handler::{Callable, Watcher};
use crate::keywords::Keywords;
use crate::launch::{Pipes, asked};
use crate::options::{ASKED, SHOWN, for_handler, for_observer, syscalls};
use crate::policy::Policy;
use crate::ready::{Options, Ready};
use crate::result::Enforcement;
use crate::run::Run;

/// A policy made ready on this kernel, with handlers that are Python's.
#[pyclass(frozen, module = "sandlock._native")]
pub(crate) struct Sandbox {
    /// Without handlers.
    bare: sandlock::Sandbox,
    /// Without a lock, for which a process that is forked meanwhile would wait for ever.
    ready: ArcSwap<sandlock::Sandbox>,
    /// The handlers among these are seen by Python's garbage collector. A run of theirs holds this object.
    parts: Mutex<Vec<Part>>,
    /// What people call it.
    name: Option<String>,
}

/// What belongs to one registration.
enum Part {
    Handler(Arc<Callable>),
    Observer(Arc<Watcher>),
}

impl Part {
    fn callables(&self) -> Vec<&Callable> {
        match self {
            Part::Handler(callable) => vec![callable],
            Part::Observer(watcher) => watcher.callables().collect(),
        }
    }
}

impl Sandbox {
    fn of(bare: sandlock::Sandbox, name: Option<String>) -> Sandbox {
        let ready = ArcSwap::from_pointee(bare.clone());
        Sandbox { bare, ready, parts: Mutex::default(), name }
    }

    /// As it is now: with the handlers that have been added.
    pub(crate) fn ready(&self) -> Arc<sandlock::Sandbox> {
        self.ready.load_full()
    }

    /// Registers something for each call, or for none. The caller holds the interpreter: nobody else
    /// does so at the same time.
    fn change(
        &self,
        calls: &Bound<'_, PyAny>,
        add: impl Fn(sandlock::Sandbox, sandlock::Syscall) -> sandlock::Result<sandlock::Sandbox>,
    ) -> PyResult<()> {
        let py = calls.py();
        let calls = syscalls(calls)?;
        let changed = calls.into_iter().try_fold((*self.ready()).clone(), add).or_raise(py)?;
        self.ready.store(Arc::new(changed));
        Ok(())
    }

    /// As [`change`](Sandbox::change), for something that is Python's.
    fn register(
        &self,
        calls: &Bound<'_, PyAny>,
        part: Part,
        add: impl Fn(sandlock::Sandbox, sandlock::Syscall) -> sandlock::Result<sandlock::Sandbox>,
    ) -> PyResult<()> {
        self.change(calls, add)?;
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).push(part);
        Ok(())
    }
}

#[pymethods]
impl Sandbox {
    #[new]
    #[pyo3(signature = (policy, name = None))]
    fn new(py: Python<'_>, policy: &Policy, name: Option<String>) -> PyResult<Sandbox> {
        // Granted paths may be on a file system that is slow to answer.
        let bare = py.detach(|| sandlock::Sandbox::new(policy.0.clone())).or_raise(py)?;
        Ok(Sandbox::of(bare, name))
    }

    /// Another one without handlers.
    fn without_handlers(&self) -> Sandbox {
        Sandbox::of(self.bare.clone(), self.name.clone())
    }

    /// Registers something that is called with a context and returns an action.
    #[pyo3(signature = (calls, handler, **keywords))]
    fn add_handler(
        &self,
        calls: &Bound<'_, PyAny>,
        handler: Bound<'_, PyAny>,
        keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let options = for_handler(&Keywords::new(keywords, &ASKED)?)?;
        let handler = Arc::new(Callable::new(handler));
        let part = Part::Handler(Arc::clone(&handler));
        self.register(calls, part, |sandbox, call| {
            sandbox.add_handler_with(call, Arc::clone(&handler), options.clone())
        })
    }

    /// Registers what is called with a context before anybody decides, and with a context and a verdict
    /// afterwards.
    #[pyo3(signature = (calls, call, verdict, **keywords))]
    fn add_observer(
        &self,
        calls: &Bound<'_, PyAny>,
        call: Option<Bound<'_, PyAny>>,
        verdict: Option<Bound<'_, PyAny>>,
        keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let options = for_observer(&Keywords::new(keywords, &SHOWN)?)?;
        let watcher =
            Watcher { call: call.map(Callable::new), verdict: verdict.map(Callable::new) };
        let watcher = Arc::new(watcher);
        let part = Part::Observer(Arc::clone(&watcher));
        self.register(calls, part, |sandbox, call| {
            sandbox.add_observer_with(call, Arc::clone(&watcher), options.clone())
        })
    }

    /// Registers one of the ready-made handlers and observers.
    #[pyo3(signature = (calls, ready, **keywords))]
    fn add_ready(
        &self,
        calls: &Bound<'_, PyAny>,
        ready: Ready<'_>,
        keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let keywords = Keywords::new(keywords, &ASKED)?;
        let (handler, observer) = (for_handler(&keywords)?, for_observer(&keywords)?);
        let options = Options { name: self.name.as_deref(), handler, observer };
        self.change(calls, |sandbox, call| ready.add(sandbox, call, &options))
    }

    /// What is enforced, degraded and weakened, with what handlers add to it.
    fn enforcement(&self, py: Python<'_>) -> PyResult<Enforcement> {
        Enforcement::new(py, &self.ready().enforcement())
    }

    /// Begins a run that the caller drives.
    #[pyo3(signature = (cmd, **keywords))]
    fn begin(
        slf: &Bound<'_, Self>,
        cmd: &Bound<'_, PyAny>,
        keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Run> {
        Run::begin(slf, asked(cmd, keywords, Pipes::Collected)?)
    }

    /// Starts a program with a thread that serves it.
    #[pyo3(signature = (cmd, **keywords))]
    fn spawn(
        slf: &Bound<'_, Self>,
        cmd: &Bound<'_, PyAny>,
        keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Child> {
        Child::start(slf, asked(cmd, keywords, Pipes::Given)?)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(parts) = self.parts.try_lock() else { return Ok(()) };
        parts.iter().flat_map(Part::callables).try_for_each(|callable| callable.traverse(&visit))
    }

    fn __clear__(&self) {
        let parts = std::mem::take(&mut *self.parts.lock().unwrap_or_else(PoisonError::into_inner));
        // Dropped behind the lock: what they were may have something to say in its end.
        let callables: Vec<_> =
            parts.iter().flat_map(Part::callables).map(Callable::clear).collect();
        drop(callables);
    }
}
