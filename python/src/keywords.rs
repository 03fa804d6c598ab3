//! Keywords that a function takes from its caller in Python, which checks their names.

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Those that were given; `None` says nothing.
pub(crate) struct Keywords<'a, 'py>(Option<&'a Bound<'py, PyDict>>);

impl<'a, 'py> Keywords<'a, 'py> {
    pub(crate) fn new(given: Option<&'a Bound<'py, PyDict>>) -> Keywords<'a, 'py> {
        Keywords(given)
    }

    pub(crate) fn object(&self, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(given) = self.0 else { return Ok(None) };
        Ok(given.get_item(name)?.filter(|value| !value.is_none()))
    }

    pub(crate) fn get<T>(&self, name: &str) -> PyResult<Option<T>>
    where
        T: for<'b> FromPyObject<'b, 'py, Error: Into<PyErr>>,
    {
        let Some(value) = self.object(name)? else { return Ok(None) };
        value.extract::<T>().map(Some).map_err(Into::into)
    }
}
