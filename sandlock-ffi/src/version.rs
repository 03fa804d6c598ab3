//! Which version this is.

use std::ffi::c_char;

/// The version of the header: `0` of `0.1.2`.
pub const SANDLOCK_VERSION_MAJOR: i32 = 0;
/// The version of the header: `1` of `0.1.2`.
pub const SANDLOCK_VERSION_MINOR: i32 = 1;
/// The version of the header: `2` of `0.1.2`.
pub const SANDLOCK_VERSION_PATCH: i32 = 0;

/// The version of the library that is loaded, as text: `0.1.0`.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_library_have_one_version() {
        let header = [SANDLOCK_VERSION_MAJOR, SANDLOCK_VERSION_MINOR, SANDLOCK_VERSION_PATCH]
            .map(|part| part.to_string())
            .join(".");
        assert_eq!(header, env!("CARGO_PKG_VERSION"));
    }
}
