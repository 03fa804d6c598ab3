//! Handlers in C.

use std::ffi::{c_char, c_long, c_void};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use sandlock::{Handler, HandlerCtx, HandlerOptions, NotifAction, OnError, Priority, Result};

use crate::action::sandlock_action;
use crate::error::{sandlock_error, sandlock_status};
use crate::extensible::{self, Extensible};
use crate::guard::attempt;
use crate::notif::sandlock_notif;
use crate::options::shown;
use crate::pointer::{needed, shared, slice, some, wrong};
use crate::sandbox::sandlock_sandbox;
use crate::user_data::{UserData, sandlock_free_fn};
use crate::when::sandlock_when;

/// Decides about a call. It runs on the supervisor's thread, or on a thread of a pool, and by several
/// threads at once where the sandbox runs several programs.
pub type sandlock_handler_fn = Option<
    unsafe extern "C-unwind" fn(
        notif: *const sandlock_notif,
        user_data: *mut c_void,
    ) -> sandlock_action,
>;

/// Behind the built-ins: it is asked about what they let through.
pub const SANDLOCK_PRIORITY_AFTER: u32 = 0;
/// In front of the built-ins. It can only make things stricter: sandlock_continue() means "go on with
/// the built-ins".
pub const SANDLOCK_PRIORITY_BEFORE: u32 = 1;

/// How a handler is called. Set `size`, and what you want of the rest; zero selects the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sandlock_handler_options {
    /// sizeof(sandlock_handler_options).
    pub size: usize,
    /// The name in verdicts and errors, UTF-8; NULL is "handler".
    pub name: *const c_char,
    /// Which calls it is asked about: those that meet all of these. NULL: all.
    pub when: *const sandlock_when,
    /// How many conditions `when` has.
    pub when_count: usize,
    /// 0: it is called on the supervisor's thread, which answers one call after the other. Otherwise it is
    /// called on a thread of a pool, and a call that it has not answered after as many milliseconds,
    /// at most an hour, fails with EPERM: what it returns later is ignored.
    pub deadline_ms: u64,
    /// SANDLOCK_PRIORITY_AFTER or SANDLOCK_PRIORITY_BEFORE.
    pub priority: u32,
    /// What it means that it failed. 0: the tree is killed, and the run ends with
    /// SANDLOCK_ERROR_HANDLER. An error number: the call fails with it, and the failure is listed in
    /// the output.
    pub on_error: i32,
    /// SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE, or 0.
    pub flags: u64,
}

// SAFETY: pointers and numbers, aligned without padding; pointers are only followed as the header
// asks.
unsafe impl Extensible for sandlock_handler_options {
    const FIRST: usize = 56;
}

impl sandlock_handler_options {
    /// # Safety
    ///
    /// The pointers are as the header asks.
    unsafe fn options(&self) -> Result<HandlerOptions> {
        // SAFETY: as the caller promises.
        let shown = unsafe { shown(self.name, self.when, self.when_count, self.flags, HANDLER) }?;
        let priority = match self.priority {
            SANDLOCK_PRIORITY_AFTER => Priority::After,
            SANDLOCK_PRIORITY_BEFORE => Priority::Before,
            other => return Err(wrong(format!("there is no priority {other}"))),
        };
        let on_error = match self.on_error {
            0 => OnError::Kill,
            errno => OnError::Deny(errno),
        };
        let options = HandlerOptions::from(shown).priority(priority).on_error(on_error);
        Ok(match self.deadline_ms {
            0 => options,
            deadline => options.pooled(Duration::from_millis(deadline)),
        })
    }
}

/// A handler in C.
struct Callback {
    function: unsafe extern "C-unwind" fn(*const sandlock_notif, *mut c_void) -> sandlock_action,
    user_data: UserData,
}

impl Handler for Callback {
    fn handle(&self, cx: &HandlerCtx<'_>) -> NotifAction {
        let notif = sandlock_notif::new(cx);
        // SAFETY: the caller registered this function with this data, which has not been freed.
        unsafe { (self.function)(&raw const notif, self.user_data.pointer()) }.take()
    }
}

/// Asks `handler` about the call `syscall` (SYS_openat, sandlock_syscall_number()) in every run that is
/// started from now on. Handlers are asked in the order in which they were added, behind the built-ins;
/// the first answer that is not sandlock_continue() wins. `options` may be NULL.
///
/// The sandbox takes `user_data` over: `free_data` (which may be NULL) is called for it once, when the
/// sandbox, its clones, its children and its runs are gone, on whichever thread was the last one. If the
/// registration fails, `user_data` stays the caller's and is not freed.
///
/// SANDLOCK_ERROR_REGISTRATION: there is no such call, the policy refuses it, so that nobody would be
/// asked, it cannot be trapped, or the options are invalid. SANDLOCK_ERROR_UNSUPPORTED: calls cannot be
/// passed to a supervisor here; the kernel, or a container, prevents it.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_sandbox_add_handler(
    sandbox: Option<NonNull<sandlock_sandbox>>,
    syscall: c_long,
    handler: sandlock_handler_fn,
    user_data: *mut c_void,
    free_data: sandlock_free_fn,
    options: *const sandlock_handler_options,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let user_data = UserData::new(user_data, free_data);
        // SAFETY: as the header asks of callers.
        unsafe { register(shared(sandbox, "sandbox")?, &[syscall], handler, user_data, options) }
    })
}

/// As sandlock_sandbox_add_handler(), for each of `count` calls: all of them or none. A rule about paths
/// needs open, openat, openat2 and creat, for example. `user_data` is freed once, for all.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_sandbox_add_handler_for(
    sandbox: Option<NonNull<sandlock_sandbox>>,
    syscalls: *const c_long,
    count: usize,
    handler: sandlock_handler_fn,
    user_data: *mut c_void,
    free_data: sandlock_free_fn,
    options: *const sandlock_handler_options,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let user_data = UserData::new(user_data, free_data);
        // SAFETY: as the header asks of callers.
        unsafe {
            let syscalls = some(slice(syscalls, count, "syscalls")?, "syscalls")?;
            register(shared(sandbox, "sandbox")?, syscalls, handler, user_data, options)
        }
    })
}

/// # Safety
///
/// As the header asks of callers.
unsafe fn register(
    sandbox: &sandlock_sandbox,
    syscalls: &[c_long],
    handler: sandlock_handler_fn,
    user_data: UserData,
    options: *const sandlock_handler_options,
) -> Result<()> {
    let function = needed(handler, "handler")?;
    // SAFETY: as the caller promises.
    let options = match unsafe { extensible::read(options, "options") }? {
        // SAFETY: as above.
        Some(given) => unsafe { given.options() }?,
        None => HandlerOptions::new().name(HANDLER),
    };
    let callback = Arc::new(Callback { function, user_data });
    sandbox.change(|sandbox| {
        syscalls.iter().try_fold(sandbox, |sandbox, &syscall| {
            sandbox.add_handler_with(syscall, Arc::clone(&callback), options.clone())
        })
    })?;
    callback.user_data.take_over();
    Ok(())
}

/// The name of a handler that has none.
const HANDLER: &str = "handler";
