//! Objects of callers that stand for errors of another language.

use std::ffi::c_void;
use std::fmt;

use crate::user_data::UserData;

/// Why a handler or observer has failed, in its own terms.
pub(crate) struct Cause {
    message: String,
    object: UserData,
    tag: usize,
}

impl Cause {
    /// `tag` stands for the type of the object: an address, never followed.
    pub(crate) fn new(message: String, object: UserData, tag: *const c_void) -> Cause {
        Cause { message, object, tag: tag.addr() }
    }

    /// The object, for who knows its type; NULL for others.
    pub(crate) fn object(&self, tag: *const c_void) -> *const c_void {
        let known = !tag.is_null() && tag.addr() == self.tag;
        if known { self.object.pointer() } else { std::ptr::null() }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cause").field(&self.message).finish()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Cause {}
