//! `sandlock.check`, `explain` and `confine_self`.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use sandlock::{Explanation, Host};

use crate::error::OrRaise;
use crate::policy::Policy;
use crate::result::{Enforcement, plain_data};

/// What this kernel can enforce, as `sandlock check --json` prints it: a dictionary with the keys v, host,
/// notifications, protections and enforced_in_full.
#[pyfunction]
pub(crate) fn check(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    plain_data(py, &Host::current().report())
}

/// What a policy would mean on this kernel, as `sandlock explain --json` prints it: a dictionary with the
/// keys v, policy, plan (a list of lines) and enforcement. Nothing is run, and granted paths need not exist.
///
/// Raises UnsupportedError where this kernel lacks a protection that the policy demands, and PolicyError for
/// settings that contradict each other and for what is not UTF-8.
#[pyfunction]
pub(crate) fn explain<'py>(py: Python<'py>, policy: &Policy) -> PyResult<Bound<'py, PyDict>> {
    plain_data(py, &Explanation::new(&policy.0, Host::current()).or_raise(py)?)
}

/// Confines the calling thread by `policy`, for ever, and what it starts from now on: threads that run
/// already are not confined, those of Python's own and of native packages included. Call it first of all,
/// in the main thread.
///
/// Raises PolicyError for settings that no thread can apply to itself (limits, environment, working
/// directory), UnsupportedError, and SpawnError, whose `step` says what failed; after a SpawnError the thread
/// may be confined in part.
#[pyfunction]
pub(crate) fn confine_self(py: Python<'_>, policy: &Policy) -> PyResult<Enforcement> {
    let enforcement = sandlock::confine_self(&policy.0).or_raise(py)?;
    Enforcement::new(py, &enforcement)
}
