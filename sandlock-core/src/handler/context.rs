//! What a handler sees of a call, and of the task that makes it.

use std::error::Error;
use std::fmt;
use std::os::fd::AsFd;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use super::error::TaskError;
use crate::host::is_our_proc;
use crate::supervisor::{Call, Dispatcher};
use crate::sys::listener::Placing;
use crate::sys::memory;
use crate::syscall::{Arch, Syscall};
use crate::text::errno_of;

/// A system call that waits for an answer, and the task that makes it.
///
/// The task does not move on its own meanwhile, but its memory can change: other threads of its
/// process run on. Read once, decide on what was read, and do not read again.
///
/// Whatever touches the task checks that it still waits: a read afterwards, and drops what it read
/// if it does not; a write before and after. A [`TaskError::Gone`] says that it does not, and an
/// answer has no effect any more then.
pub struct HandlerCtx<'a> {
    dispatcher: &'a Dispatcher,
    call: &'a Call,
    failure: OnceLock<Box<dyn Error + Send + Sync>>,
}

/// The most bytes that are read or written at once.
const MOST_BYTES: usize = 16 << 20;
/// PATH_MAX of linux/limits.h: no path is longer, its NUL included.
const MOST_PATH: usize = 4096;
/// How much of a text is read at first: most are short.
const FIRST_BYTES: usize = 256;
const PAGE: u64 = 4096;

impl<'a> HandlerCtx<'a> {
    pub(crate) fn new(dispatcher: &'a Dispatcher, call: &'a Call) -> HandlerCtx<'a> {
        HandlerCtx { dispatcher, call, failure: OnceLock::new() }
    }

    /// The kernel's number for this call: no other one of the same run has it.
    pub fn id(&self) -> u64 {
        self.call.notification.id
    }

    /// The id of the task that calls: a thread id, which is the process id for a first thread only.
    pub fn pid(&self) -> u32 {
        self.call.notification.pid
    }

    /// The call.
    pub fn syscall(&self) -> Syscall {
        self.call.syscall
    }

    /// Its arguments as the registers have them. The kernel ignores the upper halves of arguments of
    /// 32 bits: compare those as `u32` or `i32`.
    pub fn args(&self) -> [u64; 6] {
        self.call.notification.data.args
    }

    /// The address behind the instruction that makes the call.
    pub fn instruction_pointer(&self) -> u64 {
        self.call.notification.data.instruction_pointer
    }

    /// The architecture whose calls the task makes: always that of this program.
    pub fn arch(&self) -> Arch {
        Arch::NATIVE
    }

    /// Says that the handler or observer that is being asked has failed, for this reason, a text or an
    /// error; the first one counts. For observers, who answer nothing: whatever a handler answers after
    /// that counts as [`NotifAction::Fail`](super::NotifAction::Fail).
    pub fn fail(&self, reason: impl Into<Box<dyn Error + Send + Sync>>) {
        self.failure.get_or_init(|| reason.into());
    }

    pub(crate) fn into_failure(self) -> Option<Box<dyn Error + Send + Sync>> {
        self.failure.into_inner()
    }

    /// Whether the task still waits for the answer.
    pub fn is_waiting(&self) -> bool {
        self.dispatcher.is_waiting(self.call)
    }

    /// The `len` bytes at `address` of the task's memory, at most 16 MiB.
    ///
    /// # Errors
    ///
    /// [`TaskError::Unmapped`] where not all of them are mapped, never fewer bytes than asked for;
    /// [`TaskError::TooLong`]; [`TaskError::Gone`]; [`TaskError::Failed`] where this process may not
    /// read the task's memory: that of another user, or of a program that executes a file which it
    /// may not read itself, needs CAP_SYS_PTRACE. A program can bring that about, so an unreadable
    /// argument is to be refused.
    pub fn read_child_mem(&self, address: u64, len: usize) -> Result<Vec<u8>, TaskError> {
        check_length([len])?;
        let mut bytes = vec![0; len];
        self.read_child_mem_into(address, &mut bytes)?;
        Ok(bytes)
    }

    /// As [`read_child_mem`](HandlerCtx::read_child_mem), into a buffer of the caller's, which is filled
    /// with zeros where the task's memory cannot be read.
    ///
    /// # Errors
    ///
    /// As [`read_child_mem`](HandlerCtx::read_child_mem).
    pub fn read_child_mem_into(&self, address: u64, buffer: &mut [u8]) -> Result<(), TaskError> {
        check_length([buffer.len()])?;
        let read = self.read_whole(address, buffer).and_then(|()| self.check_waiting());
        // What was read may be of somebody else, who has got the task's id.
        read.inspect_err(|_| buffer.fill(0))
    }

    /// Several ranges of the task's memory, each an address and a length in bytes; all together at
    /// most 16 MiB.
    ///
    /// # Errors
    ///
    /// As [`read_child_mem`](HandlerCtx::read_child_mem), for the first range that is not readable.
    pub fn read_child_vectored(&self, ranges: &[(u64, usize)]) -> Result<Vec<Vec<u8>>, TaskError> {
        check_length(ranges.iter().map(|(_, length)| *length))?;
        let parts = ranges.iter().map(|&(address, length)| self.read_all(address, length));
        let parts = parts.collect::<Result<_, _>>()?;
        self.check_waiting()?;
        Ok(parts)
    }

    /// The bytes at `address` up to a NUL, without it; at most `max` with it.
    ///
    /// # Errors
    ///
    /// [`TaskError::TooLong`] where there is no NUL among them; otherwise as
    /// [`read_child_mem`](HandlerCtx::read_child_mem).
    pub fn read_child_cstr(&self, address: u64, max: usize) -> Result<Vec<u8>, TaskError> {
        check_length([max])?;
        let mut text = Vec::new();
        while text.len() < max {
            let here = address.wrapping_add(text.len() as u64);
            // What lies behind the end of the text need not be mapped.
            let page_rest = (PAGE - here % PAGE) as usize;
            let most = if text.is_empty() { FIRST_BYTES } else { usize::MAX };
            let begin = text.len();
            text.resize(begin + most.min(page_rest).min(max - begin), 0);
            let done = self.read(here, &mut text[begin..])?;
            if let Some(end) = text[begin..begin + done].iter().position(|byte| *byte == 0) {
                text.truncate(begin + end);
                self.check_waiting()?;
                return Ok(text);
            }
            if begin + done < text.len() {
                self.check_waiting()?;
                return Err(TaskError::Unmapped { address, done: begin + done });
            }
        }
        self.check_waiting()?;
        Err(TaskError::TooLong { limit: max })
    }

    /// The text that argument `index` points to, as a path: bytes, as the task gave them.
    ///
    /// Another thread of the program can change it before the kernel reads it, so a decision on it
    /// followed by [`NotifAction::Continue`](super::NotifAction::Continue) holds against nobody who
    /// means to get past it. [`open_for_child`](HandlerCtx::open_for_child) opens what was judged.
    ///
    /// # Errors
    ///
    /// [`TaskError::NoArgument`]; otherwise as [`read_child_cstr`](HandlerCtx::read_child_cstr),
    /// with the kernel's limit of 4096 bytes.
    pub fn path_arg(&self, index: usize) -> Result<PathBuf, TaskError> {
        use std::os::unix::ffi::OsStringExt;
        let address = *self.args().get(index).ok_or(TaskError::NoArgument(index))?;
        let bytes = self.read_child_cstr(address, MOST_PATH)?;
        Ok(std::ffi::OsString::from_vec(bytes).into())
    }

    /// Writes `data` to the task's memory at `address`, at most 16 MiB; also to pages that the task
    /// itself can only read, as a debugger would.
    ///
    /// # Errors
    ///
    /// [`TaskError::Unmapped`] where not all of it could be written, and some may have been;
    /// [`TaskError::NotExecuted`] while the program's start is what waits; otherwise as
    /// [`read_child_mem`](HandlerCtx::read_child_mem).
    pub fn write_child_mem(&self, address: u64, data: &[u8]) -> Result<(), TaskError> {
        self.write_child_vectored(&[(address, data)])
    }

    /// Writes several pieces, each to its address; all together at most 16 MiB.
    ///
    /// # Errors
    ///
    /// As [`write_child_mem`](HandlerCtx::write_child_mem), for the first piece that fails.
    pub fn write_child_vectored(&self, pieces: &[(u64, &[u8])]) -> Result<(), TaskError> {
        check_length(pieces.iter().map(|(_, data)| data.len()))?;
        if self.dispatcher.shares_memory() {
            return Err(TaskError::NotExecuted);
        }
        let task = self.task();
        let opened = self.in_our_proc(|| memory::open(task, true))?;
        // Only now: from here on it is that memory, whoever gets the number of the task. And what a
        // task that has gone is refused for says nothing.
        self.check_waiting()?;
        let failed = |errno| TaskError::failed(format!("open(/proc/{task}/mem)"), errno);
        let memory = opened.map_err(failed)?;
        for &(address, data) in pieces {
            let done = memory::write(&memory, address, data)
                .map_err(|errno| TaskError::failed(format!("write(/proc/{task}/mem)"), errno))?;
            if done < data.len() {
                self.check_waiting()?;
                return Err(TaskError::Unmapped { address, done });
            }
        }
        self.check_waiting()
    }

    /// `path` as a person would want to see it: from the task's root on, with the directory that it
    /// is relative to, the task's own or that of its descriptor `directory`, and without `.`, `..`
    /// and doubled slashes.
    ///
    /// For display alone. Links are not followed, the directory may have been renamed, and the path
    /// can mean another file by the time it is used: never decide on it.
    ///
    /// # Errors
    ///
    /// [`TaskError::Failed`] where the task has no such descriptor, or /proc does not show it;
    /// [`TaskError::Gone`].
    pub fn display_path(
        &self,
        directory: Option<i32>,
        path: impl AsRef<Path>,
    ) -> Result<PathBuf, TaskError> {
        let path = path.as_ref();
        let base = match path.is_absolute() {
            true => PathBuf::from("/"),
            false => self.directory_name(directory.unwrap_or(libc::AT_FDCWD))?,
        };
        Ok(tidied(&base.join(path)))
    }

    /// The name of the task's working directory, or of what its descriptor is open on.
    pub(super) fn directory_name(&self, directory: i32) -> Result<PathBuf, TaskError> {
        let link = self.link_of_directory(directory);
        let name = self.in_our_proc(|| std::fs::read_link(&link))?;
        self.check_waiting()?;
        name.map_err(|error| {
            let (call, errno) = (format!("readlink({link})"), errno_of(&error));
            TaskError::Failed { call, errno }
        })
    }

    /// The link of /proc to the task's working directory, or to what its descriptor is open on.
    pub(super) fn link_of_directory(&self, directory: i32) -> String {
        let task = self.task();
        match directory {
            libc::AT_FDCWD => format!("/proc/{task}/cwd"),
            number => format!("/proc/{task}/fd/{number}"),
        }
    }

    /// Puts `fd` into the task's table at `number`, closing what is there, and leaves the call
    /// unanswered: to exchange a socket before the call on it is answered, for example.
    ///
    /// # Errors
    ///
    /// [`TaskError::Failed`] where the kernel refuses that (EBADF: a number beyond the task's
    /// limit); [`TaskError::Gone`].
    pub fn replace_fd(&self, number: u32, fd: impl AsFd, cloexec: bool) -> Result<(), TaskError> {
        let placing = Placing { cloexec, at: Some(number), answers: false };
        let added = self.dispatcher.add_fd(self.call, fd.as_fd(), placing);
        added.map(drop).map_err(|errno| {
            TaskError::failed(format!("SECCOMP_IOCTL_NOTIF_ADDFD({number})"), errno)
        })
    }

    pub(crate) fn dispatcher(&self) -> &Dispatcher {
        self.dispatcher
    }

    pub(crate) fn task(&self) -> i32 {
        self.pid().cast_signed()
    }

    pub(crate) fn check_waiting(&self) -> Result<(), TaskError> {
        if self.is_waiting() { Ok(()) } else { Err(TaskError::Gone) }
    }

    /// All of `length` bytes, of whoever has the task's id.
    fn read_all(&self, address: u64, length: usize) -> Result<Vec<u8>, TaskError> {
        let mut bytes = vec![0; length];
        self.read_whole(address, &mut bytes)?;
        Ok(bytes)
    }

    fn read_whole(&self, address: u64, buffer: &mut [u8]) -> Result<(), TaskError> {
        match self.read(address, buffer)? {
            done if done < buffer.len() => {
                self.check_waiting()?;
                Err(TaskError::Unmapped { address, done })
            }
            _ => Ok(()),
        }
    }

    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<usize, TaskError> {
        let (task, length) = (self.task(), buffer.len());
        memory::read(task, address, buffer).map_err(|errno| match self.check_waiting() {
            Ok(()) => TaskError::failed(
                format!("process_vm_readv({task}, {address:#x}, {length})"),
                errno,
            ),
            Err(gone) => gone,
        })
    }

    /// Uses /proc, if it numbers tasks as we do.
    pub(crate) fn in_our_proc<T>(&self, with: impl FnOnce() -> T) -> Result<T, TaskError> {
        static IS_OURS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
        let is_ours = IS_OURS.get().copied().unwrap_or_else(|| {
            let asked = is_our_proc();
            *IS_OURS.get_or_init(|| asked)
        });
        match is_ours {
            true => Ok(with()),
            false => Err(TaskError::Unsupported("/proc is missing, or of another pid namespace")),
        }
    }
}

impl fmt::Debug for HandlerCtx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerCtx")
            .field("id", &self.id())
            .field("pid", &self.pid())
            .field("syscall", &self.syscall())
            .field("args", &self.args())
            .finish_non_exhaustive()
    }
}

/// `path` without `.`, `..` and doubled slashes, as if there were no links.
pub(super) fn tidied(path: &Path) -> PathBuf {
    let mut shown = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::ParentDir => drop(shown.pop()),
            Component::Normal(name) => shown.push(name),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    shown
}

fn check_length(lengths: impl IntoIterator<Item = usize>) -> Result<(), TaskError> {
    let total = lengths.into_iter().fold(0usize, usize::saturating_add);
    if total <= MOST_BYTES { Ok(()) } else { Err(TaskError::TooLong { limit: MOST_BYTES }) }
}
