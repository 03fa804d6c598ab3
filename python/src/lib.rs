//! The native half of the Python package `sandlock`: the Rust crate for Python, and nothing that it
//! cannot do.
//!
//! Whatever blocks lets other Python threads run meanwhile. Where the library calls back, which it
//! does on threads of its own, Python is entered through [`interpreter`] alone.

// Private to one Python package: its documentation is that of the Python classes.
#![allow(missing_docs)]

mod action;
mod argument;
mod call;
mod child;
mod command;
mod context;
mod data;
mod error;
mod handler;
mod host;
mod interpreter;
mod keywords;
mod launch;
mod leftover;
mod open_request;
mod options;
mod policy;
mod ready;
mod result;
mod run;
mod sandbox;
mod thread;
mod verdict;
mod when;

use pyo3::prelude::*;

/// What `sandlock` is made of; import that.
///
/// Says that it relies on the interpreter lock: a build without one turns it on, and warns.
#[pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use crate::action::NotifAction;
    #[pymodule_export]
    use crate::child::Child;
    #[pymodule_export]
    use crate::command::main;
    #[pymodule_export]
    use crate::context::HandlerCtx;
    #[pymodule_export]
    use crate::host::{check, confine_self, explain};
    #[pymodule_export]
    use crate::interpreter::{_after_fork, _close};
    #[pymodule_export]
    use crate::open_request::OpenRequest;
    #[pymodule_export]
    use crate::policy::Policy;
    #[pymodule_export]
    use crate::ready::{Audit, Count, Deny, Return};
    #[pymodule_export]
    use crate::result::{Enforcement, HandlerFailure, Result, Usage};
    #[pymodule_export]
    use crate::run::Run;
    #[pymodule_export]
    use crate::sandbox::Sandbox;
    #[pymodule_export]
    use crate::verdict::Verdict;
    #[pymodule_export]
    use crate::when::{When, WhenArg};

    use pyo3::prelude::*;

    use crate::launch::{DEVNULL, INHERIT, PIPE, STDOUT};
    use crate::open_request::RESOLVE;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::interpreter::check_main()?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        for (name, value) in [("PIPE", PIPE), ("STDOUT", STDOUT), ("DEVNULL", DEVNULL)] {
            module.add(name, value)?;
        }
        module.add("INHERIT", INHERIT)?;
        for (name, value) in RESOLVE {
            module.add(name, value)?;
        }
        module.add("ERROR_KINDS", crate::error::kinds(module.py())?)
    }
}
