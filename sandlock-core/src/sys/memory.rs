//! The memory of another task: process_vm_readv(2), and proc_pid_mem(5).
//!
//! Tasks are meant by number here, and a number can come to mean another one: who reads must check
//! afterwards, and who writes between opening and writing, that it was the right task.

use std::fs::File;
use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use super::raw::Errno;
use crate::text::errno_of;

/// Reads what is mapped of `buffer.len()` bytes at `address`, up to the first page that is not: how
/// many bytes that was. Where process_vm_readv(2) is refused, as by filters of containers, through
/// /proc.
pub(crate) fn read(task: i32, address: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    let mut done = 0;
    while done < buffer.len() {
        let rest = &mut buffer[done..];
        let Some(base) = address.checked_add(done as u64) else { break };
        match read_once(task, base, rest) {
            // EINVAL: /proc takes no offsets in the kernel's half.
            Ok(0) | Err(libc::EFAULT | libc::EIO | libc::EINVAL) => break,
            Ok(length) => done += length,
            Err(errno) => return Err(errno),
        }
    }
    Ok(done)
}

fn read_once(task: i32, base: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
    let remote = [RemoteIoVec { base: base as usize, len: buffer.len() }];
    let mut local = [IoSliceMut::new(buffer)];
    match process_vm_readv(Pid::from_raw(task), &mut local, &remote) {
        Ok(length) => Ok(length),
        Err(nix::errno::Errno::ENOSYS | nix::errno::Errno::EPERM) => {
            let memory = open(task, false)?;
            memory.read_at(buffer, base).map_err(|error| errno_of(&error))
        }
        Err(errno) => Err(errno as Errno),
    }
}

/// Opens the memory of `task`; what is opened stays that memory, whoever gets the number.
pub(crate) fn open(task: i32, for_writing: bool) -> Result<File, Errno> {
    let path = format!("/proc/{task}/mem");
    let opened = File::options().read(true).write(for_writing).open(path);
    opened.map_err(|error| errno_of(&error))
}

/// Writes what is mapped of `data.len()` bytes at `address`: how many bytes that was. As a debugger
/// does, also into pages that the task itself can only read.
pub(crate) fn write(memory: &File, address: u64, data: &[u8]) -> Result<usize, Errno> {
    let mut done = 0;
    while done < data.len() {
        let Some(base) = address.checked_add(done as u64) else { break };
        match memory.write_at(&data[done..], base) {
            Ok(0) => break,
            Ok(length) => done += length,
            Err(error) => match errno_of(&error) {
                libc::EFAULT | libc::EIO | libc::EINVAL => break,
                libc::EINTR => {}
                errno => return Err(errno),
            },
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect};

    use super::*;

    /// A page that can be read and written, one that can be read alone, and a hole.
    #[allow(unsafe_code)]
    fn pages() -> u64 {
        let length = NonZeroUsize::new(3 * 4096).unwrap();
        let both = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new private mapping, which nobody else uses.
        unsafe {
            let base = mmap_anonymous(None, length, both, MapFlags::MAP_PRIVATE).unwrap();
            mprotect(base.add(4096), 4096, ProtFlags::PROT_READ).unwrap();
            mprotect(base.add(2 * 4096), 4096, ProtFlags::PROT_NONE).unwrap();
            base.as_ptr() as u64
        }
    }

    fn ours() -> i32 {
        std::process::id() as i32
    }

    #[test]
    fn a_read_ends_where_the_mapping_ends() {
        let base = pages();
        let mut buffer = [1; 100];
        assert_eq!(read(ours(), base + 8192 - 60, &mut buffer), Ok(60));
        assert_eq!(buffer[..60], [0; 60]);
        assert_eq!(read(ours(), base, &mut buffer), Ok(100));
        assert_eq!(read(ours(), base + 8192, &mut buffer), Ok(0));
        assert_eq!(read(ours(), u64::MAX - 3, &mut buffer), Ok(0));
        assert_eq!(read(ours(), 0, &mut []), Ok(0));
    }

    #[test]
    fn a_write_reaches_what_is_mapped() {
        let base = pages();
        let memory = open(ours(), true).unwrap();
        assert_eq!(write(&memory, base + 4096 - 2, b"abcd"), Ok(4));
        assert_eq!(write(&memory, 8, b"abcd"), Ok(0));
        assert_eq!(write(&memory, u64::MAX - 8, b"abcd"), Ok(0));
        let mut buffer = [0; 2];
        assert_eq!(read(ours(), base + 4096 - 2, &mut buffer), Ok(2));
        assert_eq!(&buffer, b"ab");
    }

    #[test]
    fn a_task_that_is_not_there_is_an_error() {
        assert_eq!(read(i32::MAX, 4096, &mut [0; 4]), Err(libc::ESRCH));
        assert_eq!(open(i32::MAX, false).unwrap_err(), libc::ENOENT);
    }
}
