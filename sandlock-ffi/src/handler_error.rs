//! A handler or observer that failed.

use std::ffi::{CString, c_char, c_long, c_void};

use sandlock::HandlerError;

use crate::cause::Cause;
use crate::guard::look;
use crate::text::c_text;

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
pub extern "C" fn sandlock_handler_error_name(
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

/// The cause that was handed to sandlock_notif_fail() together with this `type`; NULL where there is
/// none, or it came with another one, and for a `type` of NULL. It lives as long as the failure.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_handler_error_cause(
    failure: Option<&sandlock_handler_error>,
    r#type: *const c_void,
) -> *const c_void {
    look(failure, std::ptr::null(), |failure| {
        let cause = failure.error.cause().and_then(|cause| cause.downcast_ref::<Cause>());
        cause.map_or(std::ptr::null(), |cause| cause.object(r#type))
    })
}
