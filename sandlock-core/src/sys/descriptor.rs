//! Descriptors as a child can use them.

use std::os::fd::{AsRawFd, OwnedFd};

use crate::error::{Error, Result};
use crate::text::errno_of;

/// A descriptor that is not 0, 1 or 2, which a child replaces one after the other: in a host that
/// has closed its own, a new descriptor can be one of them, and would be gone when the host puts
/// something else there.
pub(crate) fn above_stdio(fd: OwnedFd) -> Result<OwnedFd> {
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    // The standard library duplicates to 3 or above.
    fd.try_clone().map_err(|error| Error::io("fcntl(F_DUPFD_CLOEXEC, 3)", errno_of(&error)))
}
