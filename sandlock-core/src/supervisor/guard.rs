//! Somebody else's code is asked about a call: a panic, and what it says of its own failure, come back in
//! one shape.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::dispatcher::Call;
use crate::error::{Cause, HandlerError};
use crate::handler::HandlerCtx;
use crate::syscall::Syscall;

/// Why somebody has failed.
pub(super) struct Failed {
    message: String,
    cause: Option<Cause>,
}

impl Failed {
    pub(super) fn new(message: String) -> Failed {
        Failed { message, cause: None }
    }

    fn because(error: Box<dyn Error + Send + Sync>) -> Failed {
        Failed { message: error.to_string(), cause: Some(Cause::new(error)) }
    }

    /// This failure of `name`, who was asked about `call`.
    pub(super) fn at(self, call: &Call, name: &str) -> HandlerError {
        self.of(call.syscall, name)
    }

    /// This failure of `name`, who is registered for `syscall`.
    pub(super) fn of(self, syscall: Syscall, name: &str) -> HandlerError {
        let Failed { message, cause } = self;
        HandlerError { syscall, handler: name.to_owned(), message, cause }
    }
}

/// What `ask` says, unless it fails in whatever way.
pub(super) fn guarded<T>(
    cx: HandlerCtx<'_>,
    ask: impl FnOnce(&HandlerCtx<'_>) -> T,
) -> Result<T, Failed> {
    let asked = catch_unwind(AssertUnwindSafe(|| ask(&cx)));
    // Behind the panic: what a failure holds is somebody else's code too, and so is what it says.
    let failed = catch_unwind(AssertUnwindSafe(|| cx.into_failure().map(Failed::because)));
    match (asked, failed) {
        (Ok(answer), Ok(None)) => Ok(answer),
        (Ok(_), Ok(Some(failed))) => Err(failed),
        (Err(payload), _) | (_, Err(payload)) => Err(Failed::new(panicked(payload))),
    }
}

/// Somebody else's code that is not about a call; what it panicked with, if it did.
pub(crate) fn caught<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act)).map_err(panicked)
}

/// Why somebody failed who panicked.
fn panicked(payload: Box<dyn Any + Send>) -> String {
    let message = format!("panicked: {}", message_of(&*payload));
    // Its drop is the host's code, too, and can panic with something whose drop can, and so on.
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
    message
}

/// What a panic says.
pub(super) fn message_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("with something that is no text")
}
