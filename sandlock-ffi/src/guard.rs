//! The way in and out of every function: no panic leaves it, and every failure is a status and an
//! error object.

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
    match guarded(work) {
        Ok(status) => status,
        Err(error) => {
            let status = error.kind().code();
            if let Some(place) = err {
                place.write(Box::into_raw(Box::new(sandlock_error::new(error))));
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
    // A destructor that panics has freed what it could.
    catch_unwind(AssertUnwindSafe(|| drop(object))).ok();
}

fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let panicked = |_| Err(Error::new(ErrorKind::Internal, "sandlock panicked: this is a bug"));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}
