//! A call that waits for an answer, as callbacks see it.

use std::ffi::{c_char, c_long, c_void};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use sandlock::{Error, HandlerCtx, Result, TaskError};

use crate::action::sandlock_action;
use crate::cause::Cause;
use crate::error::{sandlock_error, sandlock_status};
use crate::guard::{attempt, look};
use crate::open_request::sandlock_open_request;
use crate::pointer::{buffer, bytes, give, needed, os, room, text, wrong};
use crate::user_data::{UserData, sandlock_free_fn};

/// A system call that waits for an answer, and the task that makes it. It is valid until the callback
/// returns that was given it.
///
/// The task does not move on its own meanwhile, but its memory can change: other threads of its process
/// run on. Read once, decide on what was read, and do not read again.
pub struct sandlock_notif {
    cx: *const HandlerCtx<'static>,
}

impl sandlock_notif {
    /// What a callback is given about `cx`.
    pub(crate) fn new(cx: &HandlerCtx<'_>) -> sandlock_notif {
        sandlock_notif { cx: std::ptr::from_ref(cx).cast() }
    }

    pub(crate) fn cx(&self) -> &HandlerCtx<'_> {
        // SAFETY: it is made of a reference for the time of one callback, and valid no longer.
        unsafe { &*self.cx }
    }
}

/// The kernel's number for this call: no other one of the same run has it.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_notif_id(notif: Option<&sandlock_notif>) -> u64 {
    look(notif, 0, |notif| notif.cx().id())
}

/// The id of the task that calls: a thread id, which is the process id for a first thread only.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_notif_pid(notif: Option<&sandlock_notif>) -> i32 {
    look(notif, 0, |notif| notif.cx().pid().cast_signed())
}

/// The number of the call, SYS_openat and its like; -1 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_notif_syscall(notif: Option<&sandlock_notif>) -> c_long {
    look(notif, -1, |notif| notif.cx().syscall().nr().into())
}

/// Argument `index`, 0 to 5, as the register has it; 0 for others. The kernel ignores the upper half
/// of an argument of 32 bits: cast it to int or unsigned before you compare it.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_notif_arg(notif: Option<&sandlock_notif>, index: u32) -> u64 {
    look(notif, 0, |notif| notif.cx().args().get(index as usize).copied().unwrap_or(0))
}

/// The address behind the instruction that makes the call.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_notif_instruction_pointer(notif: Option<&sandlock_notif>) -> u64 {
    look(notif, 0, |notif| notif.cx().instruction_pointer())
}

/// The architecture whose calls the task makes, which is always that of this program: AUDIT_ARCH_X86_64
/// or AUDIT_ARCH_AARCH64 of linux/audit.h.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_notif_arch(notif: Option<&sandlock_notif>) -> u32 {
    look(notif, 0, |notif| notif.cx().arch().audit())
}

/// Whether the task still waits for the answer.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_notif_is_waiting(notif: Option<&sandlock_notif>) -> bool {
    look(notif, false, |notif| notif.cx().is_waiting())
}

/// Reads `length` bytes at `address` of the task's memory, at most 16 MiB. If it fails, the buffer holds
/// zeros, but for a `length` beyond 16 MiB, when nothing is written; there is no error object.
///
/// SANDLOCK_ERROR_TASK_MEMORY: not all of them are mapped. SANDLOCK_ERROR_TOO_LONG: more than 16 MiB.
/// SANDLOCK_ERROR_TASK_GONE: the task waits no more. SANDLOCK_ERROR_TASK: this process may not read the
/// task's memory, which a program can bring about.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_notif_read(
    notif: Option<&sandlock_notif>,
    address: u64,
    data: *mut c_void,
    length: usize,
) -> sandlock_status {
    attempt(None, || {
        check_length(length)?;
        // SAFETY: as the header asks of callers.
        let buffer = unsafe { buffer(data, length, "data") }?;
        needed(notif, "notif")?.cx().read_child_mem_into(address, buffer).map_err(Error::from)
    })
}

/// Reads the text at `address` up to its NUL, into `text`, which has room for `capacity` bytes with
/// the NUL. `*length` (which may be NULL) is the length without it. If it fails, the buffer holds an
/// empty text; there is no error object.
///
/// SANDLOCK_ERROR_TOO_LONG: there is no NUL among the first `capacity` bytes, or `capacity` is 0.
/// Otherwise as sandlock_notif_read().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_notif_read_cstr(
    notif: Option<&sandlock_notif>,
    address: u64,
    text: *mut c_char,
    capacity: usize,
    length: Option<&mut MaybeUninit<usize>>,
) -> sandlock_status {
    attempt(None, || {
        // SAFETY: as the header asks of callers.
        let mut place = TextPlace::new(unsafe { room(text, capacity, "text") }?);
        let most = capacity.min(MOST_BYTES);
        let text = needed(notif, "notif")?.cx().read_child_cstr(address, most)?;
        place.put(&text, length)
    })
}

/// Reads the path that argument `index` points to: as sandlock_notif_read_cstr() with that address. A
/// path has at most 4096 bytes with its NUL.
///
/// Another thread of the program can change it before the kernel reads it: a decision on it followed
/// by sandlock_continue() holds against nobody who means to get past it. sandlock_notif_open() opens
/// what was judged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_notif_read_path(
    notif: Option<&sandlock_notif>,
    index: u32,
    path: *mut c_char,
    capacity: usize,
    length: Option<&mut MaybeUninit<usize>>,
) -> sandlock_status {
    attempt(None, || {
        // SAFETY: as the header asks of callers.
        let mut place = TextPlace::new(unsafe { room(path, capacity, "path") }?);
        let path = needed(notif, "notif")?.cx().path_arg(index as usize)?;
        place.put(path.as_os_str().as_bytes(), length)
    })
}

/// Writes `length` bytes to the task's memory at `address`, at most 16 MiB; also to pages that the task
/// itself can only read. There is no error object.
///
/// SANDLOCK_ERROR_TASK_MEMORY: not all of it could be written, and some may have been.
/// SANDLOCK_ERROR_TASK: also while the program's start is what waits. Otherwise as
/// sandlock_notif_read().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_notif_write(
    notif: Option<&sandlock_notif>,
    address: u64,
    data: *const c_void,
    length: usize,
) -> sandlock_status {
    attempt(None, || {
        check_length(length)?;
        // SAFETY: as the header asks of callers.
        let data = unsafe { bytes(data, length, "data") }?;
        needed(notif, "notif")?.cx().write_child_mem(address, data).map_err(Error::from)
    })
}

/// Writes `path` as a person would want to see it into `shown`: from the task's root on, with the
/// directory that it is relative to, the task's own (`directory` is AT_FDCWD) or that of its descriptor
/// `directory`, and without `.`, `..` and doubled slashes. `shown` has room for `capacity` bytes with
/// the NUL; `*length` (which may be NULL) is the length without it.
///
/// For display alone: never decide on it. The path can mean another file by the time it is used.
///
/// SANDLOCK_ERROR_TASK: the task has no such descriptor. SANDLOCK_ERROR_TOO_LONG: no room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_notif_display_path(
    notif: Option<&sandlock_notif>,
    directory: i32,
    path: *const c_char,
    shown: *mut c_char,
    capacity: usize,
    length: Option<&mut MaybeUninit<usize>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        // SAFETY: as the header asks of callers. The path is copied before the buffer is filled, which
        // may be the same.
        let path = PathBuf::from(unsafe { os(path, "path") }?);
        // SAFETY: as above.
        let mut place = TextPlace::new(unsafe { room(shown, capacity, "shown") }?);
        let path = needed(notif, "notif")?.cx().display_path(Some(directory), path)?;
        place.put(path.as_os_str().as_bytes(), length)
    })
}

/// Puts a copy of this process's descriptor `fd` into the task's table at `number`, closing what is
/// there, and leaves the call unanswered. `fd` stays the caller's.
///
/// SANDLOCK_ERROR_TASK: the kernel refuses that. SANDLOCK_ERROR_TASK_GONE.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_notif_replace_fd(
    notif: Option<&sandlock_notif>,
    number: u32,
    fd: i32,
    cloexec: bool,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        if fd < 0 {
            return Err(wrong(format!("fd is {fd}, which is no descriptor")));
        }
        // SAFETY: it is not -1, and the caller lets it be until this returns; the kernel refuses one
        // that is not open.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        needed(notif, "notif")?.cx().replace_fd(number, fd, cloexec).map_err(Error::from)
    })
}

/// Reads what the call asks to open, once: open(2), openat(2), openat2(2) and creat(2) in one shape.
/// Free `*request` with sandlock_open_request_free(). sandlock_refuse_error() is what to answer where it
/// fails.
///
/// SANDLOCK_ERROR_TASK: the call opens no file by path, or the kernel would refuse its arguments;
/// sandlock_error_errno() says with which number.
/// Otherwise as sandlock_notif_read_path().
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_notif_open_request(
    notif: Option<&sandlock_notif>,
    request: Option<&mut MaybeUninit<*mut sandlock_open_request>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let place = needed(request, "request")?;
        let request = needed(notif, "notif")?.cx().open_request()?;
        give(place, sandlock_open_request::new(request));
        Ok(())
    })
}

/// Opens what `request` asks for in the task's place: the action to return, which hands the open file
/// over, or refuses the call with the kernel's error number, EPERM where it is not the kernel's.
///
/// The path is the one in the request, so whatever a handler found out about it holds for what is
/// opened. The kernel bounds the open by the policy's grants. docs/extension-handlers.md says what
/// cannot be opened that way.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_notif_open(
    notif: Option<&sandlock_notif>,
    request: Option<&sandlock_open_request>,
) -> sandlock_action {
    let nothing = sandlock_action::none();
    look(notif, nothing, |notif| match request {
        Some(request) => notif.cx().open_for_child(request.request()).into(),
        None => nothing,
    })
}

/// Says that the handler or observer that is being called has failed, for the reason `message` (any
/// bytes; NULL is "no reason given"). What a handler returns after that counts for nothing: its
/// `on_error` says what it means. The failure of an observer, and of a handler whose `on_error` is an
/// error number, is listed in the output.
///
/// `cause` may be an object of yours, of any type: sandlock_handler_error_cause() gives it back to who asks
/// with the same `type`, which is any address of yours that stands for that type. `free_cause` (which
/// may be NULL) is called for it once, on any thread, when nobody needs it any more; at once where this
/// callback has failed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_notif_fail(
    notif: Option<&sandlock_notif>,
    message: *const c_char,
    cause: *mut c_void,
    free_cause: sandlock_free_fn,
    r#type: *const c_void,
) {
    let cause = UserData::new(cause, free_cause);
    cause.take_over();
    // SAFETY: as the header asks of callers.
    let message = unsafe { text(message, "message") };
    let message = message.map_or("no reason given".into(), |text| text.to_string_lossy());
    let cause = Cause::new(message.into_owned(), cause, r#type);
    look(notif, (), |notif| notif.cx().fail(cause));
}

/// The most that is read at once.
const MOST_BYTES: usize = 16 << 20;

/// Before anything is touched: a program may have chosen the length.
fn check_length(length: usize) -> Result<()> {
    let limit = MOST_BYTES;
    if length <= limit { Ok(()) } else { Err(TaskError::TooLong { limit }.into()) }
}

/// Where a caller wants a text. It holds an empty one until another has been put there.
struct TextPlace<'a>(&'a mut [MaybeUninit<c_char>]);

impl<'a> TextPlace<'a> {
    fn new(room: &'a mut [MaybeUninit<c_char>]) -> TextPlace<'a> {
        if let Some(first) = room.first_mut() {
            first.write(0);
        }
        TextPlace(room)
    }

    /// Puts `text` and a NUL there.
    fn put(&mut self, text: &[u8], length: Option<&mut MaybeUninit<usize>>) -> Result<()> {
        let limit = self.0.len();
        if text.len() >= limit {
            return Err(TaskError::TooLong { limit }.into());
        }
        for (place, byte) in self.0.iter_mut().zip(text.iter().chain(&[0])) {
            place.write(byte.cast_signed() as c_char);
        }
        if let Some(length) = length {
            length.write(text.len());
        }
        Ok(())
    }
}
