//! Capabilities of the calling thread, raw: for the child too (see `raw`). capabilities(7).

#![allow(unsafe_code)]

use syscalls::{Sysno, raw_syscall};

use super::raw::{Errno, check, prctl};

/// prctl(2) PR_CAPBSET_DROP.
pub(crate) fn drop_from_bounding_set(capability: usize) -> Result<(), Errno> {
    // SAFETY: takes numbers.
    unsafe { prctl(libc::PR_CAPBSET_DROP, capability, 0) }
}

/// prctl(2) PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE.
pub(crate) fn raise_ambient(capability: usize) -> Result<(), Errno> {
    // SAFETY: takes numbers.
    unsafe { prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as usize, capability) }
}

/// `struct __user_cap_header_struct`, version 3, for the calling thread.
const HEADER: [u32; 2] = [0x2008_0522, 0];

/// The sets of capget(2) and capset(2), as masks.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sets {
    pub(crate) effective: u64,
    pub(crate) permitted: u64,
    pub(crate) inheritable: u64,
}

/// capget(2) of the calling thread.
pub(crate) fn get() -> Result<Sets, Errno> {
    let header = HEADER;
    let mut data = [0u32; 6];
    // SAFETY: version 3 writes two structures of three words.
    check(unsafe { raw_syscall!(Sysno::capget, header.as_ptr(), data.as_mut_ptr()) })?;
    let join = |low: usize| u64::from(data[low]) | u64::from(data[low + 3]) << 32;
    Ok(Sets { effective: join(0), permitted: join(1), inheritable: join(2) })
}

/// capset(2) of the calling thread.
pub(crate) fn set(sets: Sets) -> Result<(), Errno> {
    let header = HEADER;
    let low = |mask: u64| (mask & 0xffff_ffff) as u32;
    let high = |mask: u64| (mask >> 32) as u32;
    let data = [
        low(sets.effective),
        low(sets.permitted),
        low(sets.inheritable),
        high(sets.effective),
        high(sets.permitted),
        high(sets.inheritable),
    ];
    // SAFETY: version 3 reads two structures of three words.
    check(unsafe { raw_syscall!(Sysno::capset, header.as_ptr(), data.as_ptr()) }).map(drop)
}
