//! Stacks for tasks that share our memory.

#![allow(unsafe_code)]

use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::Mutex;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::clone::Stack;
use crate::error::{Error, Result};

/// Room for a few frames of raw system calls, in builds without optimisation too.
const SIZE: usize = 32 << 10;
/// A page at most, on every supported kernel configuration.
const GUARD: usize = 64 << 10;

/// Two stacks, each below which nothing is mapped.
pub(crate) struct StackPair {
    base: NonNull<std::ffi::c_void>,
}

// SAFETY: the mapping belongs to the process, and to whoever owns the pair.
unsafe impl Send for StackPair {}

/// Pairs for the next starts: mapping, touching and unmapping one costs tens of microseconds.
static SPARE: Mutex<Vec<StackPair>> = Mutex::new(Vec::new());
/// Each holds on to a few pages.
const MOST_SPARE: usize = 4;

impl StackPair {
    const LENGTH: usize = 2 * (GUARD + SIZE);

    /// A pair that nobody uses. Nobody is waited for: in a process that was forked while another
    /// thread held the lock, it stays locked.
    pub(crate) fn take() -> Result<StackPair> {
        let spare = SPARE.try_lock().ok().and_then(|mut spare| spare.pop());
        spare.map_or_else(StackPair::map, Ok)
    }

    /// Keeps the pair for the next start, or unmaps it.
    pub(crate) fn give_back(self) {
        if let Ok(mut spare) = SPARE.try_lock()
            && spare.len() < MOST_SPARE
        {
            spare.push(self);
        }
    }

    /// Maps the stacks; memory is used as far as it is touched.
    fn map() -> Result<StackPair> {
        let failed = |errno: nix::errno::Errno| Error::io("mmap(stacks)", errno as i32);
        let length = NonZeroUsize::MIN.saturating_add(Self::LENGTH - 1);
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_STACK | MapFlags::MAP_NORESERVE;
        // SAFETY: a new private mapping at an address of the kernel's choice.
        let base = unsafe { mmap_anonymous(None, length, ProtFlags::PROT_NONE, flags) };
        let pair = StackPair { base: base.map_err(failed)? };
        for Stack { top, size } in [pair.first(), pair.second()] {
            let bottom = NonNull::new(top.wrapping_sub(size).cast()).unwrap_or(pair.base);
            // SAFETY: the `size` bytes below `top` are inside the mapping and nobody uses them yet.
            unsafe { mprotect(bottom, size, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE) }
                .map_err(failed)?;
        }
        Ok(pair)
    }

    /// The lower stack; its end is aligned to a page.
    pub(crate) fn first(&self) -> Stack {
        self.ending_at(GUARD + SIZE)
    }

    /// The upper stack; its end is aligned to a page.
    pub(crate) fn second(&self) -> Stack {
        self.ending_at(Self::LENGTH)
    }

    fn ending_at(&self, offset: usize) -> Stack {
        Stack { top: self.base.as_ptr().cast::<u8>().wrapping_add(offset), size: SIZE }
    }
}

impl Drop for StackPair {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and its owner drops it after the tasks on it have ended.
        let unmapped = unsafe { munmap(self.base, Self::LENGTH) };
        debug_assert!(unmapped.is_ok(), "munmap of our own mapping");
    }
}
