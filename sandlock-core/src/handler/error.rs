//! What can go wrong in a handler.

use crate::error::{Error, ErrorKind};
use crate::syscall::Syscall;
use crate::text::describe_errno;

/// Why something about a task that waits for an answer could not be done.
///
/// A handler can return it: it becomes a refusal with [`errno`](TaskError::errno), but for
/// [`Other`](TaskError::Other).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The task has ended, was interrupted, or was answered already.
    #[error("the task no longer waits for an answer")]
    Gone,
    /// Memory from there on is not mapped, or not for this.
    #[error("memory at {address:#x} is not mapped: {done} bytes could be reached")]
    Unmapped {
        /// Where the access began.
        address: u64,
        /// How many bytes could be reached from there.
        done: usize,
    },
    /// The text has no end within the limit, or more bytes were asked for than there may be.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A call has the arguments 0 to 5.
    #[error("a call has no argument {0}")]
    NoArgument(usize),
    /// The program has not been executed: the task's memory is still this process's own.
    #[error("the program has not been executed, so its memory cannot be written")]
    NotExecuted,
    /// The call opens no file by path.
    #[error("{0} opens no file by path")]
    NotAnOpen(Syscall),
    /// The kernel refuses to open that for the program: it is not granted, or missing, or the like.
    #[error("cannot be opened for the program: {}", describe_errno(*.0))]
    Open(i32),
    /// It cannot be done in the program's place.
    #[error("cannot be done for the program: {0}")]
    Unsupported(&'static str),
    /// Something else that the handler says: it has failed, which means what
    /// [`OnError`](super::OnError) says.
    #[error("{0}")]
    Other(String),
    /// A call of the supervisor's own failed.
    #[error("{call}: {}", describe_errno(*.errno))]
    Failed {
        /// The call and its arguments.
        call: String,
        /// Its error number.
        errno: i32,
    },
}

impl TaskError {
    /// The handler has failed, for this reason.
    pub fn other(reason: impl std::fmt::Display) -> TaskError {
        TaskError::Other(reason.to_string())
    }

    /// The number of what went wrong, for languages that have no such type.
    pub fn kind(&self) -> ErrorKind {
        match self {
            TaskError::Gone => ErrorKind::TaskGone,
            TaskError::Unmapped { .. } => ErrorKind::TaskMemory,
            TaskError::TooLong { .. } => ErrorKind::TooLong,
            TaskError::NoArgument(_) => ErrorKind::Argument,
            _ => ErrorKind::Task,
        }
    }

    /// The error number for the task: what the kernel would say, or EPERM.
    pub fn errno(&self) -> i32 {
        match self {
            TaskError::Unmapped { .. } => libc::EFAULT,
            TaskError::TooLong { .. } => libc::ENAMETOOLONG,
            TaskError::Open(errno) => *errno,
            _ => libc::EPERM,
        }
    }

    /// A failed call of ours about a task: ESRCH and ENOENT mean that it has ended.
    pub(crate) fn failed(call: impl Into<String>, errno: i32) -> TaskError {
        match errno {
            libc::ESRCH | libc::ENOENT => TaskError::Gone,
            _ => TaskError::Failed { call: call.into(), errno },
        }
    }
}

/// Of the kind that [`TaskError::kind`] says, with the number that the kernel gave or would give.
impl From<TaskError> for Error {
    fn from(error: TaskError) -> Error {
        let number = match &error {
            TaskError::Failed { errno, .. } => Some(*errno),
            TaskError::Open(_) | TaskError::Unmapped { .. } | TaskError::TooLong { .. } => {
                Some(error.errno())
            }
            _ => None,
        };
        let kind = Error::new(error.kind(), error.to_string());
        number.into_iter().fold(kind, Error::with_errno)
    }
}
