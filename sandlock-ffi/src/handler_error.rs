//! A handler or observer that failed.

use std::ffi::{CString, c_char, c_long, c_void};

use sandlock::HandlerError;

use crate::guard::look;
use crate::notif::ForeignCause;
use crate::text::c_text;
use crate::user_data::sandlock_free_fn;

/// A handler or observer that failed. It belongs to the error or output that gave it out.
pub struct sandlock_handler_error {
    error: HandlerError,
    handler: CString,
    message: CString,
}

impl sandlock_handler_error {
    pub(crate) fn new(error: HandlerError) -> sandlock_handler_error {
        let (handler, message) = (c_text(&error.handler), c_text(&error.message));
        sandlock_handler_error { error, handler, message }
    }
}

/// The number of the call that it was asked about; -1 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_handler_error_syscall(
    failure: Option<&sandlock_handler_error>,
) -> c_long {
    look(failure, -1, |failure| failure.error.syscall.nr().into())
}

/// Its name: see sandlock_handler_options.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_handler_error_handler(
    failure: Option<&sandlock_handler_error>,
) -> *const c_char {
    look(failure, std::ptr::null(), |failure| failure.handler.as_ptr())
}

/// What went wrong, UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_handler_error_message(
    failure: Option<&sandlock_handler_error>,
) -> *const c_char {
    look(failure, std::ptr::null(), |failure| failure.message.as_ptr())
}

/// What was handed to sandlock_notif_fail() together with the function `free_cause`; NULL where there
/// is nothing, or where it came with another function. So one who knows what the function frees knows
/// what this points to. It lives as long as the failure.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_handler_error_cause(
    failure: Option<&sandlock_handler_error>,
    free_cause: sandlock_free_fn,
) -> *mut c_void {
    look(failure, std::ptr::null_mut(), |failure| {
        let cause = failure.error.cause().and_then(|cause| cause.downcast_ref::<ForeignCause>());
        cause.map_or(std::ptr::null_mut(), |cause| cause.freed_by(free_cause))
    })
}
