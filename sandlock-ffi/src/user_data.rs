//! What belongs to a callback: a pointer that means something to the caller alone.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

/// Frees user data; called once, by whichever thread drops what had it. NULL where there is nothing
/// to free.
pub type sandlock_free_fn = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>;

/// User data and how it is freed. It stays the caller's until it has been [taken
/// over](UserData::take_over).
pub(crate) struct UserData {
    pointer: *mut c_void,
    free: sandlock_free_fn,
    is_ours: AtomicBool,
}

// SAFETY: the header tells callers that callbacks and their data are used by threads of the library,
// also by several at once.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

impl UserData {
    pub(crate) fn new(pointer: *mut c_void, free: sandlock_free_fn) -> UserData {
        UserData { pointer, free, is_ours: AtomicBool::new(false) }
    }

    pub(crate) fn pointer(&self) -> *mut c_void {
        self.pointer
    }

    /// From here on it is freed when this is dropped.
    pub(crate) fn take_over(&self) {
        self.is_ours.store(true, Ordering::Release);
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(free) = self.free
            && *self.is_ours.get_mut()
        {
            // SAFETY: the caller gave this function for this pointer, and it is called once.
            unsafe { free(self.pointer) };
        }
    }
}
