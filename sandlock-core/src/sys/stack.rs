//! Stacks for tasks that share our memory.

#![allow(unsafe_code)]

use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use crate::error::{Error, Result};

/// Room for a few frames of raw system calls, in builds without optimisation too.
const SIZE: usize = 32 << 10;
/// A page at most, on every supported kernel configuration.
const GUARD: usize = 64 << 10;

/// Two stacks, each below which nothing is mapped.
pub(crate) struct StackPair {
    base: NonNull<std::ffi::c_void>,
}

impl StackPair {
    const LENGTH: usize = 2 * (GUARD + SIZE);

    /// Maps the stacks; memory is used as far as it is touched.
    pub(crate) fn new() -> Result<StackPair> {
        let failed = |errno: nix::errno::Errno| Error::io("mmap(stacks)", errno as i32);
        let length = NonZeroUsize::MIN.saturating_add(Self::LENGTH - 1);
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_STACK | MapFlags::MAP_NORESERVE;
        // SAFETY: a new private mapping at an address of the kernel's choice.
        let base = unsafe { mmap_anonymous(None, length, ProtFlags::PROT_NONE, flags) };
        let pair = StackPair { base: base.map_err(failed)? };
        for top in [pair.first_top(), pair.second_top()] {
            let bottom = NonNull::new(top.wrapping_sub(SIZE).cast()).unwrap_or(pair.base);
            // SAFETY: the SIZE bytes below `top` are inside the mapping and nobody uses them yet.
            unsafe { mprotect(bottom, SIZE, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE) }
                .map_err(failed)?;
        }
        Ok(pair)
    }

    /// The end of the lower stack, aligned to a page.
    pub(crate) fn first_top(&self) -> *mut u8 {
        self.base.as_ptr().cast::<u8>().wrapping_add(GUARD + SIZE)
    }

    /// The end of the upper stack, aligned to a page.
    pub(crate) fn second_top(&self) -> *mut u8 {
        self.base.as_ptr().cast::<u8>().wrapping_add(Self::LENGTH)
    }
}

impl Drop for StackPair {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and its owner drops it after the tasks on it have ended.
        let unmapped = unsafe { munmap(self.base, Self::LENGTH) };
        debug_assert!(unmapped.is_ok(), "munmap of our own mapping");
    }
}
