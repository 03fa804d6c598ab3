//! Opening files, raw: for a deputy (see `raw`).

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};

use syscalls::{Sysno, raw_syscall};

use super::raw::{Errno, check};

/// `struct open_how` of openat2(2).
#[repr(C)]
pub(crate) struct How {
    pub(crate) flags: u64,
    pub(crate) mode: u64,
    pub(crate) resolve: u64,
}

/// openat2(2).
///
/// # Safety
///
/// `path` is NUL-terminated.
pub(crate) unsafe fn open_at(directory: i32, path: *const c_char, how: &How) -> Result<i32, Errno> {
    let how: *const How = how;
    // SAFETY: as the caller promises; the kernel reads one structure of this size.
    let answer = unsafe { raw_syscall!(Sysno::openat2, directory, path, how, size_of::<How>()) };
    check(answer).map(|fd| fd as i32)
}

/// openat(2) of what descriptor `fd` is open on.
pub(crate) fn open_again(fd: i32, flags: i32) -> Result<i32, Errno> {
    let mut buffer = *b"/proc/self/fd/\0\0\0\0\0\0\0\0\0\0\0";
    const PREFIX: usize = b"/proc/self/fd/".len();
    let mut digits = 1;
    let mut rest = fd / 10;
    while rest > 0 {
        digits += 1;
        rest /= 10;
    }
    let mut number = fd;
    for byte in buffer.iter_mut().skip(PREFIX).take(digits).rev() {
        *byte = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let path = CStr::from_bytes_until_nul(&buffer).map_err(|_| libc::EBADF)?;
    // SAFETY: the path is NUL-terminated.
    let answer = unsafe { raw_syscall!(Sysno::openat, libc::AT_FDCWD, path.as_ptr(), flags, 0) };
    check(answer).map(|fd| fd as i32)
}

/// fstat(2): mode and device number.
pub(crate) fn kind(fd: i32) -> Result<(u32, u64), Errno> {
    // SAFETY: all zeros is a valid stat.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `struct stat`.
    check(unsafe { raw_syscall!(Sysno::fstat, fd, &raw mut stat) })?;
    Ok((stat.st_mode, stat.st_rdev))
}

/// fstatfs(2): the magic number of the file system.
pub(crate) fn file_system(fd: i32) -> Result<i64, Errno> {
    // SAFETY: all zeros is a valid statfs.
    let mut statfs: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `struct statfs`.
    check(unsafe { raw_syscall!(Sysno::fstatfs, fd, &raw mut statfs) })?;
    Ok(statfs.f_type)
}

/// umask(2).
pub(crate) fn set_mode_mask(mask: u32) {
    // SAFETY: takes a number, and cannot fail.
    unsafe { raw_syscall!(Sysno::umask, mask) };
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    use super::*;

    #[test]
    fn a_descriptor_of_any_length_is_opened_again() {
        let file = std::fs::File::open("/dev/null").unwrap();
        for least in [3, 10, 99, 100, 555] {
            // SAFETY: duplicates to a free number, which is ours then.
            let fd = unsafe {
                let fd = libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, least);
                OwnedFd::from_raw_fd(fd)
            };
            let again = open_again(fd.as_raw_fd(), libc::O_RDONLY | libc::O_CLOEXEC).unwrap();
            // SAFETY: the kernel has just returned it.
            let again = unsafe { OwnedFd::from_raw_fd(again) };
            let is_same = kind(again.as_raw_fd()).unwrap() == kind(fd.as_raw_fd()).unwrap();
            assert!(is_same && again.as_raw_fd() != fd.as_raw_fd());
        }
        assert_eq!(open_again(i32::MAX, libc::O_RDONLY), Err(libc::ENOENT));
    }
}
