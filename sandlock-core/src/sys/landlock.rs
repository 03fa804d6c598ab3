//! Landlock calls: landlock_create_ruleset(2), landlock_restrict_self(2).

#![allow(unsafe_code)]

use syscalls::{Sysno, raw_syscall};

use super::raw::{Errno, check};

const CREATE_RULESET_VERSION: u32 = 1 << 0;
const CREATE_RULESET_ERRATA: u32 = 1 << 1;

/// The ABI of the running kernel; 0 where Landlock is missing or disabled.
pub(crate) fn abi() -> u32 {
    query(CREATE_RULESET_VERSION)
}

/// The fixed errata of the running kernel; 0 where it cannot tell (before Linux 6.15).
pub(crate) fn errata() -> u32 {
    query(CREATE_RULESET_ERRATA)
}

fn query(flag: u32) -> u32 {
    // SAFETY: with a flag, the call takes no attributes and touches no memory.
    let answer = unsafe { raw_syscall!(Sysno::landlock_create_ruleset, 0, 0, flag) };
    check(answer).ok().and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
}

/// Restricts the calling thread by the ruleset `ruleset`. Raw: for the child too.
pub(crate) fn restrict_self(ruleset: i32) -> Result<(), Errno> {
    // SAFETY: the call takes a descriptor number and flags, and touches no memory.
    check(unsafe { raw_syscall!(Sysno::landlock_restrict_self, ruleset, 0) }).map(drop)
}
