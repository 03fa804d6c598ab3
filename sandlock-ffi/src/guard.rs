//! The way in and out of every function: no panic leaves it, and every failure is a status and an
//! error object.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sandlock::{Error, ErrorKind, Result};

use crate::error::{SANDLOCK_OK, sandlock_error, sandlock_status};

/// Carries out `work`; the caller gets its error where there is room for one.
pub(crate) fn attempt(
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
    work: impl FnOnce() -> Result<()>,
) -> sandlock_status {
    attempt_for(err, || work().map(|()| SANDLOCK_OK))
}

/// As [`attempt`], for functions with another status than success.
pub(crate) fn attempt_for(
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
    work: impl FnOnce() -> Result<sandlock_status>,
) -> sandlock_status {
    let _cancelled_later = NotNow::begin();
    match guarded(|| work().map_err(|error| Box::new(sandlock_error::new(error)))) {
        Ok(status) => status,
        Err(error) => {
            let status = error.status();
            if let Some(place) = err {
                place.write(Box::into_raw(error));
            }
            status
        }
    }
}

/// What `look` finds, for functions that cannot fail; `otherwise` for NULL, and where a bug of the
/// library keeps it from looking.
pub(crate) fn look<T, V>(subject: Option<&T>, otherwise: V, look: impl FnOnce(&T) -> V) -> V {
    let found = || subject.map(look);
    catch_unwind(AssertUnwindSafe(found)).ok().flatten().unwrap_or(otherwise)
}

/// Frees what `object` has; nothing for NULL.
pub(crate) fn free<T>(object: Option<Box<T>>) {
    let _cancelled_later = NotNow::begin();
    // A destructor that panics has freed what it could.
    catch_unwind(AssertUnwindSafe(|| drop(object))).ok();
}

fn guarded<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let panicked = |_| {
        let bug = Error::new(ErrorKind::Internal, "sandlock panicked: this is a bug");
        Err(Box::new(sandlock_error::new(bug)))
    };
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}

type Outcome<T> = std::result::Result<T, Box<sandlock_error>>;

/// While it lives, the thread is not cancelled: pthread_cancel(3) unwinds through whoever waits, which
/// would end the process here. What is asked for meanwhile happens afterwards.
struct NotNow(c_int);

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
}

/// Of pthread.h, in glibc and musl.
const PTHREAD_CANCEL_DISABLE: c_int = 1;

impl NotNow {
    fn begin() -> NotNow {
        let mut old = PTHREAD_CANCEL_DISABLE;
        // SAFETY: it is about the calling thread, and there is room for the old state.
        unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &raw mut old) };
        NotNow(old)
    }
}

impl Drop for NotNow {
    fn drop(&mut self) {
        // SAFETY: the state that was found; there is no room for another one.
        unsafe { pthread_setcancelstate(self.0, std::ptr::null_mut()) };
    }
}
