//! Paths: bytes, neither empty nor with a NUL.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::Value;

impl Value for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn from_text(text: &OsStr) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a path, found nothing".to_owned());
        }
        if text.as_bytes().contains(&0) {
            return Err("a path cannot hold a NUL byte".to_owned());
        }
        Ok(PathBuf::from(text))
    }

    fn to_text(&self) -> OsString {
        self.into()
    }
}
