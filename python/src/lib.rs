//! The native half of the Python package. It arrives with the Python interface; the module exists
//! so that wheel, import and tests are in place.

// The module's entry point is made by pyo3.
#![allow(unsafe_code)]

use pyo3::prelude::*;

/// What `sandlock/__init__.py` imports.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
