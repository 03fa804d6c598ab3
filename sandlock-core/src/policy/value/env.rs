//! Names and values of environment variables: bytes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::Value;

/// The name of an environment variable: not empty, without `=` and NUL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnvName(OsString);

impl AsRef<OsStr> for EnvName {
    fn as_ref(&self) -> &OsStr {
        &self.0
    }
}

impl EnvName {
    /// The name `text`, or why it is none.
    pub(crate) fn checked(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.contains(&b'=') || bytes.contains(&0) {
            return Err("the name of a variable cannot be empty or hold `=` or NUL".to_owned());
        }
        Ok(EnvName(text.to_owned()))
    }
}

impl Value for EnvName {
    const EXPECTED: &'static str = "the name of a variable";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        EnvName::checked(text)
    }

    fn to_text(&self) -> OsString {
        self.0.clone()
    }
}

impl Value for OsString {
    const EXPECTED: &'static str = "a text";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        if text.as_bytes().contains(&0) {
            return Err("an environment variable cannot hold a NUL byte".to_owned());
        }
        Ok(text.to_owned())
    }

    fn to_text(&self) -> OsString {
        self.clone()
    }
}
