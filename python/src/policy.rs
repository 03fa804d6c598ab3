//! `sandlock.Policy`.

use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use sandlock::{Host, Plan};

use crate::data;
use crate::error::OrRaise;

/// What a program may do. Frozen and comparable; no rule means no access.
///
/// Keywords are the settings, which help(sandlock.Settings) lists; one that is None says
/// nothing. Values go through the same reader as TOML: lists take any iterable, paths str, bytes or
/// os.PathLike, sizes an int of bytes or a text like "512M", times a number of seconds, a text or a
/// datetime.timedelta.
///
/// Raises PolicyError, with every problem at once and the dotted path of each, for settings that are
/// unknown or do not take what they were given.
///
/// >>> policy = Policy(fs_readable=["/usr"], max_open_files=64)
/// >>> Policy.from_toml(policy.to_toml()) == policy
/// True
#[pyclass(frozen, eq, module = "sandlock")]
#[derive(PartialEq)]
pub(crate) struct Policy(pub(crate) sandlock::Policy);

#[pymethods]
impl Policy {
    #[new]
    #[pyo3(signature = (**settings))]
    fn new(py: Python<'_>, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Policy> {
        Policy(sandlock::Policy::default()).with_settings(py, settings)
    }

    /// This policy with settings laid over it: lists append, everything else replaces.
    #[pyo3(signature = (**settings))]
    #[pyo3(name = "with_settings")]
    fn laid_over(&self, py: Python<'_>, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Policy> {
        self.with_settings(py, settings)
    }

    /// The policy that a text in TOML describes.
    ///
    /// Raises PolicyError with every problem of the text.
    #[classmethod]
    fn from_toml(_class: &Bound<'_, PyType>, py: Python<'_>, text: &str) -> PyResult<Policy> {
        sandlock::Policy::from_toml(text).map(Policy).or_raise(py)
    }

    /// This policy as TOML, which from_toml() reads back to an equal policy.
    ///
    /// Raises PolicyError where a path or a variable is not UTF-8, which TOML cannot hold.
    fn to_toml(&self, py: Python<'_>) -> PyResult<String> {
        self.0.to_toml().or_raise(py)
    }

    /// What would be done on this kernel, line by line, as `sandlock explain` prints it. Nothing is run.
    ///
    /// Raises UnsupportedError where this kernel lacks a protection that the policy demands, and
    /// PolicyError for settings that contradict each other.
    fn describe(&self, py: Python<'_>) -> PyResult<String> {
        Plan::new(&self.0, Host::current()).map(|plan| plan.describe()).or_raise(py)
    }

    /// What it says, as keywords: Policy(**policy.settings) == policy. Texts are str, in which bytes that
    /// are not UTF-8 survive as os.fsdecode() has them.
    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let settings = PyDict::new(py);
        for (setting, value) in self.0.settings() {
            settings.set_item(setting.python, data::object(py, &value)?)?;
        }
        Ok(settings)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let settings = self.settings(py)?;
        let said = settings.iter().map(|(name, value)| Ok(format!("{name}={}", value.repr()?)));
        Ok(format!("Policy({})", said.collect::<PyResult<Vec<_>>>()?.join(", ")))
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // Equal policies say the same.
        format!("{:?}", self.0).hash(&mut hasher);
        hasher.finish()
    }

    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        Ok((PyTuple::empty(py), self.settings(py)?))
    }

    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }
}

impl Policy {
    /// These settings laid over this policy: lists append, everything else replaces.
    pub(crate) fn with_settings(
        &self,
        py: Python<'_>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Policy> {
        let mut policy = self.0.clone();
        policy.merge_keywords(data::keywords(settings)?).or_raise(py)?;
        Ok(Policy(policy))
    }
}
