//! Names and values of environment variables: bytes.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use serde::ser::{Error as _, SerializeMap, Serializer};

use super::Value;
use crate::text::one_line;

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
}

impl Value for OsString {
    const EXPECTED: &'static str = "a text";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        if text.as_bytes().contains(&0) {
            return Err("an environment variable cannot hold a NUL byte".to_owned());
        }
        Ok(text.to_owned())
    }
}

/// Writes variables as a table of texts; bytes that are not UTF-8 are an error.
pub(crate) fn serialize<S: Serializer>(
    variables: &BTreeMap<EnvName, OsString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(variables.len()))?;
    for (name, value) in variables {
        let (Some(name), Some(value)) = (name.0.to_str(), value.to_str()) else {
            let name = one_line(&name.0);
            return Err(S::Error::custom(format!("process.env.{name}: is not UTF-8")));
        };
        map.serialize_entry(name, value)?;
    }
    map.end()
}
