//! What a call asks to open.

use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt;

use sandlock::OpenRequest;

use crate::guard::{free, look};
use crate::text::c_text;

/// What a call that opens by path asks for, read from the task once. It can be kept; it is the
/// caller's.
pub struct sandlock_open_request {
    request: OpenRequest,
    path: CString,
}

impl sandlock_open_request {
    pub(crate) fn new(request: OpenRequest) -> sandlock_open_request {
        let path = c_text(request.path().as_os_str().as_bytes());
        sandlock_open_request { request, path }
    }

    pub(crate) fn request(&self) -> &OpenRequest {
        &self.request
    }
}

/// The path, as the task gave it: any bytes. It lives as long as the request.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_open_request_path(
    request: Option<&sandlock_open_request>,
) -> *const c_char {
    look(request, std::ptr::null(), |request| request.path.as_ptr())
}

/// The directory that a relative path begins at: a descriptor of the task, or AT_FDCWD.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_open_request_directory(request: Option<&sandlock_open_request>) -> i32 {
    look(request, -1, |request| request.request.directory())
}

/// The flags of open(2), those that there are.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_open_request_flags(request: Option<&sandlock_open_request>) -> i32 {
    look(request, -1, |request| request.request.flags())
}

/// The mode of a file to be created; 0 where none is.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_open_request_mode(request: Option<&sandlock_open_request>) -> u32 {
    look(request, 0, |request| request.request.mode())
}

/// The RESOLVE flags of openat2(2); 0 for other calls.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_open_request_resolve(request: Option<&sandlock_open_request>) -> u64 {
    look(request, 0, |request| request.request.resolve())
}

/// Whether the descriptor can be written to, or the file is created or emptied. True for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_open_request_writes(request: Option<&sandlock_open_request>) -> bool {
    look(request, true, |request| request.request.writes())
}

/// Adds RESOLVE flags of openat2(2), which bound where the path may lead: with RESOLVE_NO_SYMLINKS what
/// is opened is what the path says. Nothing for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_open_request_add_resolve(
    request: Option<&mut sandlock_open_request>,
    flags: u64,
) {
    if let Some(request) = request {
        request.request = request.request.clone().with_resolve(flags);
    }
}

/// Frees a request. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_open_request_free(request: Option<Box<sandlock_open_request>>) {
    free(request);
}
