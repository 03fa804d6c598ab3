//! The `sandlock` command, for the script that the package installs.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Does what the command line says, the first word of which is the name of the command, and returns the
/// exit status.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| sandlock_cli::run(arguments))
}
