//! Memory that is resident as long as it is held, as in a big parent process.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};

pub(crate) struct Resident {
    memory: Option<(NonNull<c_void>, NonZeroUsize)>,
}

impl Resident {
    /// In small pages, so that the page tables are as large as they can be: they are what a fork
    /// copies.
    pub(crate) fn new(mib: usize) -> Resident {
        let memory = NonZeroUsize::new(mib << 20).map(|length| {
            let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
            // SAFETY: a new mapping at an address of the kernel's choice.
            let base = unsafe { mmap_anonymous(None, length, protection, MapFlags::MAP_PRIVATE) }
                .expect("enough memory");
            // SAFETY: both calls stay within the mapping, which nobody else knows.
            unsafe {
                madvise(base, length.get(), MmapAdvise::MADV_NOHUGEPAGE).expect("madvise");
                base.write_bytes(1, length.get());
            }
            (base, length)
        });
        Resident { memory }
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        if let Some((base, length)) = self.memory {
            // SAFETY: the mapping is ours and nothing points into it.
            unsafe { munmap(base, length.get()) }.expect("munmap of our own mapping");
        }
    }
}
