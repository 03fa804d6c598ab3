//! What is enforced.

use std::ffi::{CString, c_char};

use sandlock::Enforcement;

use crate::guard::{free, look};
use crate::text::{c_text, lent};

/// Protections that hold, by name.
pub const SANDLOCK_ENFORCEMENT_ENFORCED: u32 = 1;
/// Protections that this kernel lacks, which the policy accepts.
pub const SANDLOCK_ENFORCEMENT_DEGRADED: u32 = 2;
/// What the policy itself lifts from the defaults.
pub const SANDLOCK_ENFORCEMENT_WEAKENED: u32 = 3;

/// What is enforced, degraded and weakened. It never changes.
pub struct sandlock_enforcement {
    landlock_abi: u32,
    lists: [Vec<CString>; 3],
}

impl sandlock_enforcement {
    pub(crate) fn new(enforcement: &Enforcement) -> sandlock_enforcement {
        let Enforcement { landlock_abi, enforced, degraded, weakened, .. } = enforcement;
        let lists = [enforced, degraded, weakened].map(|list| list.iter().map(c_text).collect());
        sandlock_enforcement { landlock_abi: *landlock_abi, lists }
    }

    /// The list of this number; an empty one for others.
    fn list(&self, number: u32) -> &[CString] {
        let index = number.checked_sub(1).map(|number| number as usize);
        index.and_then(|index| self.lists.get(index)).map_or(&[], Vec::as_slice)
    }
}

/// The Landlock ABI that is used; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_enforcement_landlock_abi(
    enforcement: Option<&sandlock_enforcement>,
) -> u32 {
    look(enforcement, 0, |enforcement| enforcement.landlock_abi)
}

/// How many lines `list` has, which is SANDLOCK_ENFORCEMENT_ENFORCED and so on; 0 for others.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_enforcement_count(
    enforcement: Option<&sandlock_enforcement>,
    list: u32,
) -> usize {
    look(enforcement, 0, |enforcement| enforcement.list(list).len())
}

/// Line `index` of `list`, which is SANDLOCK_ENFORCEMENT_ENFORCED, SANDLOCK_ENFORCEMENT_DEGRADED or SANDLOCK_ENFORCEMENT_WEAKENED; NULL if
/// there are not so many. It lives as long as the enforcement.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_enforcement_line(
    enforcement: Option<&sandlock_enforcement>,
    list: u32,
    index: usize,
) -> *const c_char {
    look(enforcement, std::ptr::null(), |enforcement| lent(enforcement.list(list).get(index)))
}

/// Frees an enforcement of sandlock_confine_self(), not one of an output. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_enforcement_free(enforcement: Option<Box<sandlock_enforcement>>) {
    free(enforcement);
}
