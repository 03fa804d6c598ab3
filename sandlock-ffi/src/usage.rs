//! Resources that a tree used.

use std::time::Duration;

use sandlock::Usage;

use crate::extensible::Extensible;

/// Resources that a whole tree used, but for processes whose parents ignored SIGCHLD. Set `size` to
/// sizeof(sandlock_usage) before it is filled in.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sandlock_usage {
    /// sizeof(sandlock_usage).
    pub size: usize,
    /// Wall clock from the start to the end of the last process, nanoseconds.
    pub wall_ns: u64,
    /// Processor time in user mode, nanoseconds.
    pub user_ns: u64,
    /// Processor time in the kernel, nanoseconds.
    pub system_ns: u64,
    /// Peak resident memory of the largest process, bytes; 0 where it is not above the peak of the
    /// calling process at the start, with which a start shares memory.
    pub peak_memory: u64,
}

// SAFETY: numbers of 64 bits.
unsafe impl Extensible for sandlock_usage {
    const FIRST: usize = 40;
}

impl sandlock_usage {
    pub(crate) fn new(usage: &Usage) -> sandlock_usage {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        sandlock_usage {
            size: size_of::<sandlock_usage>(),
            wall_ns: nanos(usage.wall),
            user_ns: nanos(usage.user),
            system_ns: nanos(usage.system),
            peak_memory: usage.peak_memory.unwrap_or(0),
        }
    }
}
