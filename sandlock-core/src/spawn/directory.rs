//! The directory that a program starts in.

use std::fs::File;
use std::io::ErrorKind as IoErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorKind, Problem, Result};
use crate::text::{describe_errno, errno_of, one_line};

/// A directory, opened before a start.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
    pub(crate) fd: OwnedFd,
    named_by: NamedBy,
}

/// Who named a directory, for the error when it cannot be used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NamedBy {
    Policy,
    Launch,
}

impl Directory {
    /// # Errors
    ///
    /// [`ErrorKind::Policy`] or [`ErrorKind::Command`], by who named it.
    pub(crate) fn open(path: &Path, named_by: NamedBy) -> Result<Directory> {
        let flags = libc::O_PATH | libc::O_DIRECTORY;
        match File::options().read(true).custom_flags(flags).open(path) {
            Ok(file) => Ok(Directory { path: path.to_owned(), fd: file.into(), named_by }),
            Err(error) if error.kind() == IoErrorKind::InvalidInput => {
                Err(unusable(path, named_by, "a path cannot hold a NUL byte"))
            }
            Err(error) => {
                let errno = errno_of(&error);
                Err(unusable(path, named_by, describe_errno(errno)).with_errno(errno))
            }
        }
    }

    /// The error for a program that may not enter it.
    pub(crate) fn refused(&self, errno: i32) -> Error {
        unusable(&self.path, self.named_by, describe_errno(errno)).with_errno(errno)
    }
}

fn unusable(path: &Path, named_by: NamedBy, reason: impl std::fmt::Display) -> Error {
    let path = one_line(path);
    match named_by {
        NamedBy::Policy => {
            Error::policy(vec![Problem::new("process.cwd", format!("{path}: {reason}"))])
        }
        NamedBy::Launch => {
            Error::new(ErrorKind::Command, format!("cannot start in \"{path}\": {reason}"))
        }
    }
}
