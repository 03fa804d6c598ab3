//! Capabilities of the calling thread, raw: for the child too (see `raw`). capabilities(7).

#![allow(unsafe_code)]

use syscalls::{Sysno, raw_syscall};

use super::raw::{Errno, check, prctl};

/// prctl(2) PR_CAPBSET_DROP.
fn drop_one(capability: usize) -> Result<(), Errno> {
    // SAFETY: takes numbers.
    unsafe { prctl(libc::PR_CAPBSET_DROP, capability, 0) }
}

/// prctl(2) PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE.
fn raise_ambient(capability: usize) -> Result<(), Errno> {
    // SAFETY: takes numbers.
    unsafe { prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as usize, capability) }
}

/// `struct __user_cap_header_struct`, version 3, for the calling thread.
const HEADER: [u32; 2] = [0x2008_0522, 0];

/// The sets of capget(2) and capset(2), as masks.
#[derive(Clone, Copy, Default)]
struct Sets {
    effective: u64,
    permitted: u64,
    inheritable: u64,
}

/// capget(2) of the calling thread.
fn get() -> Result<Sets, Errno> {
    let header = HEADER;
    let mut data = [0u32; 6];
    // SAFETY: version 3 writes two structures of three words.
    check(unsafe { raw_syscall!(Sysno::capget, header.as_ptr(), data.as_mut_ptr()) })?;
    let join = |low: usize| u64::from(data[low]) | u64::from(data[low + 3]) << 32;
    Ok(Sets { effective: join(0), permitted: join(1), inheritable: join(2) })
}

/// capset(2) of the calling thread.
fn set(sets: Sets) -> Result<(), Errno> {
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

/// Makes no capability count that is not in the mask `keep`, and keeps the right to have them: who may
/// not trace a task with these, may not trace the calling one either, which shares its memory.
pub(crate) fn use_only(keep: u64) -> Result<(), Errno> {
    let sets = get()?;
    set(Sets { effective: sets.permitted & keep, ..sets })
}

/// Gives up, in every set of the calling thread, whatever is not in the mask `keep`. The bounding set matters only to callers that may
/// change it: for everybody else no_new_privs rules out gaining anything.
pub(crate) fn keep_only(keep: u64) -> Result<(), Errno> {
    const CAP_SETPCAP: u64 = 1 << 8;
    let sets = get()?;
    if sets.effective & CAP_SETPCAP != 0 {
        drop_from_bounding_set(keep)?;
    }
    let kept = sets.permitted & keep;
    // The ambient set is part of both, and shrinks with them.
    if sets.permitted | sets.inheritable != 0 {
        let sets = Sets { effective: kept, permitted: kept, inheritable: kept };
        set(sets)?;
    }
    for capability in (0..64usize).filter(|capability| kept >> capability & 1 == 1) {
        raise_ambient(capability)?;
    }
    Ok(())
}

fn drop_from_bounding_set(keep: u64) -> Result<(), Errno> {
    for capability in (0..64usize).filter(|capability| keep >> capability & 1 == 0) {
        match drop_one(capability) {
            Ok(()) => {}
            // Beyond the last capability of this kernel.
            Err(libc::EINVAL) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
