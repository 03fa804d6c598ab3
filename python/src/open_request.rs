//! `sandlock.OpenRequest`.

use std::os::unix::ffi::OsStrExt;

use nix::libc;
use pyo3::prelude::*;

use crate::argument::path;

/// The flags of openat2(2) that Python's os module does not have.
pub(crate) const RESOLVE: [(&str, u64); 6] = [
    ("RESOLVE_NO_XDEV", libc::RESOLVE_NO_XDEV),
    ("RESOLVE_NO_MAGICLINKS", libc::RESOLVE_NO_MAGICLINKS),
    ("RESOLVE_NO_SYMLINKS", libc::RESOLVE_NO_SYMLINKS),
    ("RESOLVE_BENEATH", libc::RESOLVE_BENEATH),
    ("RESOLVE_IN_ROOT", libc::RESOLVE_IN_ROOT),
    ("RESOLVE_CACHED", libc::RESOLVE_CACHED),
];

/// What a call that opens by path asks for, read from the task once: open(2), openat(2), openat2(2) and
/// creat(2) in one shape.
#[pyclass(frozen, eq, module = "sandlock")]
#[derive(Clone, PartialEq)]
pub(crate) struct OpenRequest(pub(crate) sandlock::OpenRequest);

#[pymethods]
impl OpenRequest {
    /// The directory that a relative path begins at: a descriptor of the task, or AT_FDCWD (-100).
    #[getter]
    fn directory(&self) -> i32 {
        self.0.directory()
    }

    /// The path as the task gave it; bytes that are not UTF-8 survive as os.fsdecode() has them.
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        path(py, self.0.path())
    }

    /// The flags of open(2), those that there are.
    #[getter]
    fn flags(&self) -> i32 {
        self.0.flags()
    }

    /// The mode of a file to be created; 0 where none is.
    #[getter]
    fn mode(&self) -> u32 {
        self.0.mode()
    }

    /// The RESOLVE flags of openat2(2); 0 for other calls.
    #[getter]
    fn resolve(&self) -> u64 {
        self.0.resolve()
    }

    /// Whether the descriptor can be written to, or the file is created or emptied.
    #[getter]
    fn writes(&self) -> bool {
        self.0.writes()
    }

    /// The same request with more RESOLVE flags of openat2(2), which bound where the path may lead: with
    /// sandlock.RESOLVE_NO_SYMLINKS what is opened is what the path says.
    fn with_resolve(&self, flags: u64) -> OpenRequest {
        OpenRequest(self.0.clone().with_resolve(flags))
    }

    fn __repr__(&self) -> String {
        let shown = String::from_utf8_lossy(self.0.path().as_os_str().as_bytes()).into_owned();
        format!("<OpenRequest {shown:?} flags={:#o}>", self.0.flags())
    }
}
