//! Opening a file in the task's place: what was judged is what is opened.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::NotifAction;
use super::context::HandlerCtx;
use super::error::TaskError;
use crate::supervisor::Opening;
use crate::syscall::Syscall;
use crate::text::errno_of;

/// What a call that opens by path asks for, read from the task once: open(2), openat(2),
/// openat2(2) and creat(2) in one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenRequest {
    directory: i32,
    path: PathBuf,
    flags: i32,
    mode: u32,
    resolve: u64,
}

/// The flags that open(2) looks at; it ignores others.
const FLAGS: i32 = libc::O_ACCMODE
    | libc::O_CREAT
    | libc::O_EXCL
    | libc::O_NOCTTY
    | libc::O_TRUNC
    | libc::O_APPEND
    | libc::O_NONBLOCK
    | libc::O_SYNC
    | libc::O_DIRECT
    | libc::O_DIRECTORY
    | libc::O_NOFOLLOW
    | libc::O_NOATIME
    | libc::O_CLOEXEC
    | libc::O_PATH
    | libc::O_TMPFILE;
/// What O_PATH leaves of the others.
const FLAGS_WITH_PATH: i32 = libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_PATH | libc::O_CLOEXEC;
/// O_LARGEFILE as the kernel has it, which 64-bit programs need not set and may.
const LARGE_FILE: u64 = 0o100_000;
/// The first version of `struct open_how`: flags, mode, resolve.
const HOW: usize = 24;
/// The longest one that the kernel takes: a page.
const MOST_HOW: usize = 4096;

impl OpenRequest {
    /// The directory that a relative path begins at: a descriptor of the task, or AT_FDCWD.
    pub fn directory(&self) -> i32 {
        self.directory
    }

    /// The path, as the task gave it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The flags of open(2), those that there are.
    pub fn flags(&self) -> i32 {
        self.flags
    }

    /// The mode of a file to be created; 0 where none is.
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// The RESOLVE flags of openat2(2); 0 for other calls.
    pub fn resolve(&self) -> u64 {
        self.resolve
    }

    /// The same request with more RESOLVE flags of openat2(2), which bound where the path may lead:
    /// with `RESOLVE_NO_SYMLINKS` what is opened is what the path says.
    ///
    /// # Examples
    ///
    /// ```
    /// use sandlock::{HandlerCtx, NotifAction, TaskError};
    ///
    /// /// Opens what is below /usr, by no other name.
    /// fn only_usr(cx: &HandlerCtx<'_>) -> Result<NotifAction, TaskError> {
    ///     let request = cx.open_request()?.with_resolve(libc::RESOLVE_NO_SYMLINKS);
    ///     let path = request.path();
    ///     let is_plain = path.is_absolute() && !path.components().any(|part| part.as_os_str() == "..");
    ///     match is_plain && path.starts_with("/usr") {
    ///         true => cx.open_for_child(&request),
    ///         false => Ok(NotifAction::Errno(libc::EACCES)),
    ///     }
    /// }
    /// ```
    pub fn with_resolve(mut self, flags: u64) -> OpenRequest {
        self.resolve |= flags;
        self
    }

    /// Whether the descriptor can be written to, or the file is created or emptied.
    pub fn writes(&self) -> bool {
        const WRITES: i32 = libc::O_CREAT | libc::O_TRUNC | (libc::O_TMPFILE & !libc::O_DIRECTORY);
        self.flags & libc::O_ACCMODE != libc::O_RDONLY || self.flags & WRITES != 0
    }

    /// As the kernel makes it of the flags of open(2).
    fn new(directory: i32, path: PathBuf, flags: i32, mode: u64) -> OpenRequest {
        let flags = flags & FLAGS;
        let flags = if flags & libc::O_PATH != 0 { flags & FLAGS_WITH_PATH } else { flags };
        let creates = flags & libc::O_CREAT != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE;
        let mode = if creates { (mode & 0o7777) as u32 } else { 0 };
        OpenRequest { directory, path, flags, mode, resolve: 0 }
    }

    fn needs_directory(&self) -> bool {
        const FROM_THERE: u64 = libc::RESOLVE_BENEATH | libc::RESOLVE_IN_ROOT;
        !self.path.is_absolute() || self.resolve & FROM_THERE != 0
    }
}

impl HandlerCtx<'_> {
    /// What the call asks to open, read from the task's memory.
    ///
    /// # Errors
    ///
    /// [`TaskError::NotAnOpen`] for other calls; [`TaskError::Open`] where the kernel would refuse
    /// the arguments of openat2(2); otherwise as [`path_arg`](HandlerCtx::path_arg).
    pub fn open_request(&self) -> Result<OpenRequest, TaskError> {
        let [first, second, third, fourth, ..] = self.args();
        match self.syscall() {
            Syscall::OPENAT => {
                Ok(OpenRequest::new(first as i32, self.path_arg(1)?, third as i32, fourth))
            }
            Syscall::OPENAT2 => self.openat2_request(first as i32, third, fourth),
            other => match superseded(other, [second, third]) {
                Some((flags, mode)) => {
                    Ok(OpenRequest::new(libc::AT_FDCWD, self.path_arg(0)?, flags, mode))
                }
                None => Err(TaskError::NotAnOpen(other)),
            },
        }
    }

    fn openat2_request(
        &self,
        directory: i32,
        how: u64,
        size: u64,
    ) -> Result<OpenRequest, TaskError> {
        let length = match usize::try_from(size) {
            Ok(length @ HOW..=MOST_HOW) => length,
            Ok(..HOW) => return Err(TaskError::Open(libc::EINVAL)),
            _ => return Err(TaskError::Open(libc::E2BIG)),
        };
        let how = self.read_child_mem(how, length)?;
        let (how, later) = how.split_at(HOW);
        // Fields of a later version, whose meaning is not known.
        if later.iter().any(|byte| *byte != 0) {
            return Err(TaskError::Open(libc::E2BIG));
        }
        let words = how.chunks_exact(8).filter_map(|word| word.try_into().ok());
        let mut words = words.map(u64::from_ne_bytes);
        let (Some(wanted), Some(mode), Some(resolve)) = (words.next(), words.next(), words.next())
        else {
            return Err(TaskError::Open(libc::EINVAL));
        };
        let flags = i32::try_from(wanted & !LARGE_FILE).unwrap_or(-1);
        let request = OpenRequest::new(directory, self.path_arg(1)?, flags, mode);
        // Where open(2) ignores flags and modes, openat2(2) refuses them.
        match (request.flags == flags, u64::from(request.mode) == mode) {
            (true, true) => Ok(OpenRequest { resolve, ..request }),
            _ => Err(TaskError::Open(libc::EINVAL)),
        }
    }

    /// Opens what `request` asks for, in the task's place, and answers the call with it.
    ///
    /// The path is the one in `request`, so whatever a handler found out about it holds for what is
    /// opened; what the program does to its memory meanwhile changes nothing. It is resolved from
    /// the task's own directories, by a process of the library that is in a Landlock domain with the
    /// policy's rules and has none of the capabilities that the program has not.
    ///
    /// *Holds against* a handler that is wrong about a path: the kernel bounds every open by the
    /// policy's grants. *Does not hold* what the task has given up beyond the policy, by a Landlock
    /// domain of its own for example: it gets what the policy grants.
    ///
    /// Links in the path are followed as always, and a program with a write grant can make some: who
    /// decides on the path asks for [`RESOLVE_NO_SYMLINKS`](OpenRequest::with_resolve).
    ///
    /// # Errors
    ///
    /// [`TaskError::Open`] with the kernel's error number where the file is not granted, missing, or
    /// the like; ELOOP also for links of /proc, as behind `/dev/stdin`.
    /// [`TaskError::Unsupported`] for what only the task itself can open: files of /proc; terminals,
    /// named pipes and other devices than those of memory; creation through a link that leads
    /// nowhere; access mode 3; O_PATH, because the kernel hands no such descriptor over; for a task
    /// with other credentials than it was started with; and where the policy lets the program change
    /// its view of the file system (`syscalls.allow` with chroot, mounts, namespaces).
    /// [`TaskError::Failed`] where there is no room for another process or descriptor.
    /// [`TaskError::Gone`].
    ///
    /// # Examples
    ///
    /// ```
    /// use sandlock::{HandlerCtx, NotifAction, Policy, Sandbox, Syscall, TaskError};
    ///
    /// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
    /// let no_licences = |cx: &HandlerCtx<'_>| -> Result<NotifAction, TaskError> {
    ///     let request = cx.open_request()?;
    ///     if request.path().starts_with("/usr/share/common-licenses") {
    ///         return Ok(NotifAction::Errno(libc::EACCES));
    ///     }
    ///     cx.open_for_child(&request)
    /// };
    /// let sandbox = Sandbox::new(policy)?.add_handler(Syscall::OPENAT, no_licences)?;
    /// assert!(sandbox.run(["true"])?.success());
    /// # Ok::<(), sandlock::Error>(())
    /// ```
    pub fn open_for_child(&self, request: &OpenRequest) -> Result<NotifAction, TaskError> {
        if request.flags & libc::O_ACCMODE == libc::O_ACCMODE {
            return Err(TaskError::Unsupported("access mode 3 is neither reading nor writing"));
        }
        if request.flags & libc::O_PATH != 0 {
            return Err(TaskError::Unsupported("the kernel hands no O_PATH descriptor over"));
        }
        let path = std::ffi::CString::new(request.path.as_os_str().as_bytes());
        let opening = Opening {
            directory: self.directory_of(request)?,
            path: path.map_err(|_| TaskError::Open(libc::EINVAL))?,
            flags: request.flags,
            mode: request.mode,
            resolve: request.resolve,
        };
        let fd = self.dispatcher().deputy().open(self, &opening)?;
        Ok(NotifAction::InjectFd { fd, cloexec: request.flags & libc::O_CLOEXEC != 0 })
    }

    /// The task's directory that the path is relative to.
    fn directory_of(&self, request: &OpenRequest) -> Result<Option<OwnedFd>, TaskError> {
        if !request.needs_directory() {
            return Ok(None);
        }
        let link = self.link_of_directory(request.directory);
        let opened = self.in_our_proc(|| {
            let flags = libc::O_PATH | libc::O_DIRECTORY;
            File::options().read(true).custom_flags(flags).open(&link)
        })?;
        // The task is there, so what is not there is its descriptor.
        self.check_waiting()?;
        match opened.map(OwnedFd::from) {
            Ok(directory) => Ok(Some(directory)),
            Err(error) => Err(TaskError::Open(match errno_of(&error) {
                libc::ENOENT => libc::EBADF,
                errno => errno,
            })),
        }
    }
}

/// Flags and mode of the older calls, from their arguments behind the path.
#[cfg(target_arch = "x86_64")]
fn superseded(call: Syscall, [second, third]: [u64; 2]) -> Option<(i32, u64)> {
    match call {
        Syscall::OPEN => Some((second as i32, third)),
        Syscall::CREAT => Some((libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, second)),
        _ => None,
    }
}

/// This architecture has none of them.
#[cfg(not(target_arch = "x86_64"))]
fn superseded(_: Syscall, _: [u64; 2]) -> Option<(i32, u64)> {
    None
}

/// Whether a descriptor for the answer to `cx` is to be closed when the task executes a program: as
/// the call asks for, where it can.
pub(crate) fn wants_cloexec(cx: &HandlerCtx<'_>) -> bool {
    cx.open_request().map_or(true, |request| request.flags & libc::O_CLOEXEC != 0)
}
