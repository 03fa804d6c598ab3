//! Unix sockets that may be connected to.

use std::ffi::{OsStr, OsString};

use super::Value;
use crate::text::one_line;

/// A grant of unix sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnixRule {
    /// `*`: every unix socket that file permissions let the program reach.
    Any,
}

impl Value for UnixRule {
    const EXPECTED: &'static str = "`*`";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        if text == "*" {
            return Ok(UnixRule::Any);
        }
        Err(format!(
            "expected `*`, found \"{}\": single sockets cannot be granted yet",
            one_line(text)
        ))
    }

    fn to_text(&self) -> OsString {
        "*".into()
    }
}
