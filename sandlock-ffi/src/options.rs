//! What options of handlers and of observers have in common.

use std::ffi::c_char;

use sandlock::{ObserverOptions, Result};

use crate::pointer::{slice, utf8, wrong};
use crate::when::sandlock_when;

/// For `flags` of options: accepts calls that a signal must not interrupt: close, dup, fork, clone,
/// wait and their like. A call that waits for the supervisor when a signal comes fails with EINTR, or is
/// made once more, if it has not been received yet; programs do not expect that of these.
pub const SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE: u64 = 1;

/// What handlers and observers have in common.
///
/// # Safety
///
/// The pointers are as the header asks.
pub(crate) unsafe fn shown(
    name: *const c_char,
    when: *const sandlock_when,
    count: usize,
    flags: u64,
    otherwise: &str,
) -> Result<ObserverOptions> {
    if flags & !SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE != 0 {
        return Err(wrong(format!("there are no flags {flags:#x} of options")));
    }
    let name = match name.is_null() {
        true => otherwise,
        // SAFETY: as the caller promises.
        false => unsafe { utf8(name, "options.name") }?,
    };
    // SAFETY: as above.
    let conditions = unsafe { slice(when, count, "options.when") }?;
    let options = ObserverOptions::new()
        .name(name)
        .allow_interruptible(flags & SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE != 0);
    conditions.iter().try_fold(options, |options, when| Ok(options.when(when.condition()?)))
}
