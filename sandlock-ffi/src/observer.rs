//! Observers in C.

use std::ffi::{CString, c_char, c_long, c_void};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;

use sandlock::{HandlerCtx, Observer, ObserverOptions, Outcome, Result, Verdict};

use crate::error::{sandlock_error, sandlock_status};
use crate::extensible::{self, Extensible};
use crate::guard::attempt;
use crate::notif::sandlock_notif;
use crate::options::shown;
use crate::pointer::{needed, shared, slice, some};
use crate::sandbox::sandlock_sandbox;
use crate::text::c_text;
use crate::user_data::{UserData, sandlock_free_fn};
use crate::when::sandlock_when;

/// Everybody let the call through, and the kernel carries it out; Landlock may still refuse it.
pub const SANDLOCK_OUTCOME_CONTINUE: u32 = 1;
/// It failed with the error number `value`.
pub const SANDLOCK_OUTCOME_REFUSED: u32 = 2;
/// It returned `value`.
pub const SANDLOCK_OUTCOME_ANSWERED: u32 = 3;
/// It returned a new descriptor.
pub const SANDLOCK_OUTCOME_INJECTED: u32 = 4;
/// The tree was killed.
pub const SANDLOCK_OUTCOME_KILLED: u32 = 5;
/// Its task had ended, or was interrupted, before it could be answered.
pub const SANDLOCK_OUTCOME_GONE: u32 = 6;

/// What became of a call. Valid until the callback returns; later versions can append fields.
#[repr(C)]
pub struct sandlock_verdict {
    /// How much of it there is, in bytes.
    pub size: usize,
    /// One of SANDLOCK_OUTCOME_.
    pub outcome: u64,
    /// The error number or the value; 0 otherwise.
    pub value: i64,
    /// Who decided: "policy" where nobody did, a built-in capability, or the handler's name.
    pub by: *const c_char,
}

/// Watches a call. It is called twice for each: before anybody decides, when `verdict` is NULL; and when
/// the call has been answered and its task runs on, so that its memory cannot be read any more. It runs
/// on the thread that answers.
pub type sandlock_observer_fn = Option<
    unsafe extern "C-unwind" fn(
        notif: *const sandlock_notif,
        verdict: *const sandlock_verdict,
        user_data: *mut c_void,
    ),
>;

/// Which calls an observer is shown. Set `size`, and what you want of the rest.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sandlock_observer_options {
    /// sizeof(sandlock_observer_options).
    pub size: usize,
    /// The name in errors, UTF-8; NULL is "observer".
    pub name: *const c_char,
    /// Which calls it is shown: those that meet all of these. NULL: all.
    pub when: *const sandlock_when,
    /// How many conditions `when` has.
    pub when_count: usize,
    /// SANDLOCK_OPTION_ALLOW_INTERRUPTIBLE, or 0.
    pub flags: u64,
}

// SAFETY: pointers and numbers, aligned without padding; pointers are only followed as the header
// asks.
unsafe impl Extensible for sandlock_observer_options {
    const FIRST: usize = 40;
}

/// An observer in C.
struct Callback {
    function:
        unsafe extern "C-unwind" fn(*const sandlock_notif, *const sandlock_verdict, *mut c_void),
    user_data: UserData,
}

impl Callback {
    fn call(&self, cx: &HandlerCtx<'_>, verdict: *const sandlock_verdict) {
        let notif = sandlock_notif::new(cx);
        // SAFETY: the caller registered this function with this data, which has not been freed.
        unsafe { (self.function)(&raw const notif, verdict, self.user_data.pointer()) }
    }
}

impl Observer for Callback {
    fn call(&self, cx: &HandlerCtx<'_>) {
        self.call(cx, std::ptr::null());
    }

    fn verdict(&self, cx: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        let by: CString = c_text(verdict.by);
        let (outcome, value) = in_numbers(verdict.outcome);
        let size = size_of::<sandlock_verdict>();
        let verdict = sandlock_verdict { size, outcome, value, by: by.as_ptr() };
        self.call(cx, &raw const verdict);
    }
}

fn in_numbers(outcome: Outcome) -> (u64, i64) {
    let (number, value) = match outcome {
        Outcome::Continue => (SANDLOCK_OUTCOME_CONTINUE, 0),
        Outcome::Refused(errno) => (SANDLOCK_OUTCOME_REFUSED, errno.into()),
        Outcome::Answered(value) => (SANDLOCK_OUTCOME_ANSWERED, value),
        Outcome::Injected => (SANDLOCK_OUTCOME_INJECTED, 0),
        Outcome::Killed => (SANDLOCK_OUTCOME_KILLED, 0),
        Outcome::Gone => (SANDLOCK_OUTCOME_GONE, 0),
        _ => (0, 0),
    };
    (number.into(), value)
}

/// Shows `observer` every call `syscall` that the supervisor is asked about, in every run that is
/// started from now on: before anybody decides, and what was decided. What the policy refuses in the
/// kernel, nobody sees. `options` may be NULL.
///
/// `user_data` and `free_data`, and errors: as sandlock_sandbox_add_handler().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_sandbox_add_observer(
    sandbox: Option<NonNull<sandlock_sandbox>>,
    syscall: c_long,
    observer: sandlock_observer_fn,
    user_data: *mut c_void,
    free_data: sandlock_free_fn,
    options: *const sandlock_observer_options,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let user_data = UserData::new(user_data, free_data);
        // SAFETY: as the header asks of callers.
        unsafe { register(shared(sandbox, "sandbox")?, &[syscall], observer, user_data, options) }
    })
}

/// As sandlock_sandbox_add_observer(), for each of `count` calls: all of them or none. `user_data` is
/// freed once, for all.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_sandbox_add_observer_for(
    sandbox: Option<NonNull<sandlock_sandbox>>,
    syscalls: *const c_long,
    count: usize,
    observer: sandlock_observer_fn,
    user_data: *mut c_void,
    free_data: sandlock_free_fn,
    options: *const sandlock_observer_options,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let user_data = UserData::new(user_data, free_data);
        // SAFETY: as the header asks of callers.
        unsafe {
            let syscalls = some(slice(syscalls, count, "syscalls")?, "syscalls")?;
            register(shared(sandbox, "sandbox")?, syscalls, observer, user_data, options)
        }
    })
}

/// # Safety
///
/// As the header asks of callers.
unsafe fn register(
    sandbox: &sandlock_sandbox,
    syscalls: &[c_long],
    observer: sandlock_observer_fn,
    user_data: UserData,
    options: *const sandlock_observer_options,
) -> Result<()> {
    let function = needed(observer, "observer")?;
    // SAFETY: as the caller promises.
    let options = match unsafe { extensible::read(options, "options") }? {
        Some(sandlock_observer_options { name, when, when_count, flags, .. }) => {
            // SAFETY: as above.
            unsafe { shown(name, when, when_count, flags, OBSERVER) }?
        }
        None => ObserverOptions::new().name(OBSERVER),
    };
    let callback = Arc::new(Callback { function, user_data });
    sandbox.change(|sandbox| {
        syscalls.iter().try_fold(sandbox, |sandbox, &syscall| {
            sandbox.add_observer_with(syscall, Arc::clone(&callback), options.clone())
        })
    })?;
    callback.user_data.take_over();
    Ok(())
}

/// The name of an observer that has none.
const OBSERVER: &str = "observer";
