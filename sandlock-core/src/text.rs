//! Bytes and numbers as people read them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// `bytes` as one line: what is no visible text is escaped, so that a path with a line end cannot
/// pass for a fact of its own, and no two paths look the same.
pub(crate) fn one_line(bytes: impl AsRef<OsStr>) -> String {
    let mut line = String::new();
    for chunk in bytes.as_ref().as_bytes().utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter.is_control() || letter == '\\' {
                true => line.extend(letter.escape_default()),
                false => line.push(letter),
            }
        }
        line.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    line
}

/// The system's text for an `errno`, without Rust's `(os error n)`.
pub(crate) fn describe_errno(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    text.rsplit_once(" (os error").map_or(text.clone(), |(text, _)| text.to_owned())
}

/// The `errno` behind an error of the standard library.
pub(crate) fn errno_of(error: &std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
