//! `sandlock.Verdict`.

use pyo3::prelude::*;
use sandlock::Outcome;

/// What became of a call, for observers.
#[pyclass(frozen, get_all, module = "sandlock")]
pub(crate) struct Verdict {
    /// What happened: "continue" (everybody let it through, and the kernel carries it out), "refused",
    /// "answered", "injected" (it returned a new descriptor), "killed" (the tree was), or "gone" (its task
    /// had ended, or was interrupted, before it could be answered).
    outcome: &'static str,
    /// The error number of a call that was refused; None otherwise.
    errno: Option<i32>,
    /// What a call returned that was answered; None otherwise.
    value: Option<i64>,
    /// Who decided: "policy" where nobody did, a built-in capability, or the handler's name.
    by: String,
}

#[pymethods]
impl Verdict {
    fn __repr__(&self) -> String {
        let Verdict { outcome, errno, value, by } = self;
        let errno = errno.map(|errno| format!(", errno={errno}")).unwrap_or_default();
        let value = value.map(|value| format!(", value={value}")).unwrap_or_default();
        format!("<Verdict {outcome}{errno}{value} by {by}>")
    }
}

impl Verdict {
    pub(crate) fn new(verdict: &sandlock::Verdict<'_>) -> Verdict {
        let (errno, value) = match verdict.outcome {
            Outcome::Refused(errno) => (Some(errno), None),
            Outcome::Answered(value) => (None, Some(value)),
            _ => (None, None),
        };
        Verdict { outcome: verdict.outcome.name(), errno, value, by: verdict.by.to_owned() }
    }
}
