//! System calls by number and by name.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_long};
use std::sync::OnceLock;

use sandlock::Syscall;

use crate::pointer::utf8;
use crate::text::{c_text, lent};

/// The number of the system call `name` ("openat") on this architecture; -1 where there is none, and
/// for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_syscall_number(name: *const c_char) -> c_long {
    // SAFETY: as the header asks of callers.
    let name = unsafe { utf8(name, "name") };
    let syscall = name.ok().and_then(|name| Syscall::from_name(name).ok());
    syscall.map_or(-1, |syscall| syscall.nr().into())
}

/// The name of the system call `number` on this architecture, a text of the library's own; NULL where
/// there is none.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_syscall_name(number: c_long) -> *const c_char {
    static NAMES: OnceLock<BTreeMap<c_long, CString>> = OnceLock::new();
    let known = NAMES.get().unwrap_or_else(|| {
        // Outside of the lock, for which a process that is forked meanwhile would wait for ever.
        let made = names();
        NAMES.get_or_init(|| made)
    });
    lent(known.get(&number))
}

fn names() -> BTreeMap<c_long, CString> {
    // No table is longer.
    let syscalls = (0..0x1000).filter_map(|number| Syscall::checked(number).ok());
    syscalls.map(|syscall| (syscall.nr().into(), c_text(syscall.name()))).collect()
}
