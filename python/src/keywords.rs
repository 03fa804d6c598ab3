//! Keywords of functions that only the Python half of the package calls.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Those that were given; `None` says nothing.
pub(crate) struct Keywords<'a, 'py>(Option<&'a Bound<'py, PyDict>>);

impl<'a, 'py> Keywords<'a, 'py> {
    /// # Errors
    ///
    /// TypeError for one that is not `known`: it would be ignored.
    pub(crate) fn new(
        given: Option<&'a Bound<'py, PyDict>>,
        known: &[&str],
    ) -> PyResult<Keywords<'a, 'py>> {
        for (name, _) in given.into_iter().flatten() {
            let name: String = name.extract()?;
            if !known.contains(&&*name) {
                return Err(PyTypeError::new_err(format!("there is no keyword {name}")));
            }
        }
        Ok(Keywords(given))
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
