//! `--status-fd`: how a run ended, for programs to read.

use std::fs::File;
use std::io::Write;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use sandlock::Output;

use crate::diagnostics::{Failure, describe};
use crate::stdout;

/// The descriptor that the caller named, duplicated.
#[derive(Debug)]
pub(crate) struct StatusFd {
    number: RawFd,
    file: File,
}

impl StatusFd {
    /// Takes the caller's descriptor `number`, which must be open for writing.
    pub(crate) fn new(number: RawFd) -> Result<StatusFd, Failure> {
        let wrong = |what: &str| Failure::new(format!("--status-fd: descriptor {number} {what}"));
        let duplicate = duplicate(number).ok_or_else(|| wrong("is not open"))?;
        let flags = fcntl(&duplicate, FcntlArg::F_GETFL).map_err(|errno| wrong(errno.desc()))?;
        let flags = OFlag::from_bits_retain(flags);
        let access = flags & OFlag::O_ACCMODE;
        if access == OFlag::O_RDONLY || flags.contains(OFlag::O_PATH) {
            return Err(wrong("is not open for writing"));
        }
        Ok(StatusFd { number, file: File::from(duplicate) })
    }

    /// Writes one line of JSON.
    pub(crate) fn write(mut self, output: &Output) -> Result<(), Failure> {
        let line = stdout::json_line(output)?;
        self.file.write_all(&line).map_err(|error| {
            let (number, text) = (self.number, describe(&error));
            Failure::new(format!("--status-fd: cannot write to descriptor {number}: {text}"))
        })
    }
}

/// A close-on-exec duplicate of `number`; `None` if it is not open.
#[allow(unsafe_code)]
fn duplicate(number: RawFd) -> Option<OwnedFd> {
    if number < 0 {
        return None;
    }
    // SAFETY: the number is not -1, and nothing here closes a descriptor between this borrow and
    // its only use, which fails for a number that is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    borrowed.try_clone_to_owned().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    #[test]
    fn only_a_descriptor_open_for_writing_is_taken() {
        let null = File::options().write(true).open("/dev/null").unwrap();
        let both = File::options().read(true).write(true).open("/dev/null").unwrap();
        for good in [&null, &both] {
            StatusFd::new(good.as_raw_fd()).unwrap();
        }
        let reader = File::open("/dev/null").unwrap();
        let mut options = File::options();
        let path = options.read(true).custom_flags(OFlag::O_PATH.bits()).open("/dev/null").unwrap();
        for bad in [reader.as_raw_fd(), path.as_raw_fd(), 1_000_000_000, -1] {
            StatusFd::new(bad).unwrap_err();
        }
    }
}
