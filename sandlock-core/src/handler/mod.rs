//! User handlers: the embedding program answers system calls of the confined one.
//!
//! A [`Handler`] decides, an [`Observer`] watches. Both are registered on a
//! [`Sandbox`](crate::Sandbox) for one system call each, which puts that call, and nothing else, into
//! a filter that asks the supervisor. What the policy's own filter or Landlock refuses, no answer can
//! grant: the kernel takes the strictest verdict of both filters, and runs a call that was let
//! through under Landlock like any other.
//!
//! `docs/extension-handlers.md` of the repository is the reference.

mod action;
mod context;
mod error;
mod open;
mod options;
mod ready;
mod when;

pub use action::{NotifAction, Outcome, Verdict};
pub use context::HandlerCtx;
pub use error::TaskError;
pub use open::OpenRequest;
pub use options::{HandlerOptions, Mode, ObserverOptions, OnError, Priority};
pub use ready::{Audit, Count, Deny, Return};
pub use when::{When, WhenArg};

pub(crate) use open::wants_cloexec;

use std::sync::Arc;

/// Decides about a system call that a task of the program makes, and that waits meanwhile.
///
/// Called on the supervisor's thread, or on a worker's where it is
/// [pooled](HandlerOptions::pooled); from several threads at once where the sandbox runs several
/// programs. State lives on the implementing type.
///
/// A closure is a handler too; its argument's type must be written out, and it may return anything
/// that becomes a [`NotifAction`], so that `?` can be used on what the context answers.
///
/// # Panics
///
/// A panic is a refusal: see [`HandlerOptions::on_error`].
///
/// # Examples
///
/// ```
/// use sandlock::{HandlerCtx, NotifAction, Policy, Sandbox, Syscall};
///
/// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
/// let out = Sandbox::new(policy)?
///     .add_handler(Syscall::UNAME, |_: &HandlerCtx<'_>| NotifAction::Errno(libc::EACCES))?
///     .run(["uname", "-s"])?;
/// assert!(!out.success());
/// # Ok::<(), sandlock::Error>(())
/// ```
pub trait Handler: Send + Sync + 'static {
    /// The answer to the call that `cx` describes. [`NotifAction::Continue`] goes on with the next
    /// handler, and with the kernel after the last one.
    fn handle(&self, cx: &HandlerCtx<'_>) -> NotifAction;
}

impl<F, A> Handler for F
where
    F: Fn(&HandlerCtx<'_>) -> A + Send + Sync + 'static,
    A: Into<NotifAction>,
{
    fn handle(&self, cx: &HandlerCtx<'_>) -> NotifAction {
        self(cx).into()
    }
}

impl<T: Handler + ?Sized> Handler for Arc<T> {
    fn handle(&self, cx: &HandlerCtx<'_>) -> NotifAction {
        (**self).handle(cx)
    }
}

impl Handler for Box<dyn Handler> {
    fn handle(&self, cx: &HandlerCtx<'_>) -> NotifAction {
        (**self).handle(cx)
    }
}

impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn call(&self, cx: &HandlerCtx<'_>) {
        (**self).call(cx);
    }

    fn verdict(&self, cx: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        (**self).verdict(cx, verdict);
    }

    fn ended(&self) {
        (**self).ended();
    }
}

impl Observer for Box<dyn Observer> {
    fn call(&self, cx: &HandlerCtx<'_>) {
        (**self).call(cx);
    }

    fn verdict(&self, cx: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        (**self).verdict(cx, verdict);
    }

    fn ended(&self) {
        (**self).ended();
    }
}

/// Watches a system call: sees each one that the supervisor is asked about before anybody decides,
/// and afterwards what was decided. What the policy's filter refuses in the kernel, nobody sees.
///
/// An observer that panics is skipped for that call, and listed in
/// [`Output::handler_errors`](crate::Output::handler_errors).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use sandlock::{HandlerCtx, Observer, Outcome, Policy, Sandbox, Syscall, Verdict};
///
/// struct Count(Arc<AtomicU64>);
/// impl Observer for Count {
///     fn call(&self, _: &HandlerCtx<'_>) {}
///     fn verdict(&self, _: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
///         assert_eq!(verdict.outcome, Outcome::Continue);
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// let policy = Policy::builder().fs_read("/usr").fs_read_if_exists("/lib").fs_read_if_exists("/lib64").build()?;
/// let calls = Arc::new(AtomicU64::new(0));
/// let sandbox = Sandbox::new(policy)?.add_observer(Syscall::UNAME, Count(calls.clone()))?;
/// assert!(sandbox.run(["uname", "-s"])?.success());
/// assert!(calls.load(Ordering::Relaxed) > 0);
/// # Ok::<(), sandlock::Error>(())
/// ```
pub trait Observer: Send + Sync + 'static {
    /// A task makes the call that `cx` describes.
    fn call(&self, cx: &HandlerCtx<'_>);

    /// What became of it. The task has been answered and runs on, so that its memory can no longer
    /// be read here. Called by the thread that answered: by several at once, in no order, where
    /// handlers of this call are [pooled](HandlerOptions::pooled).
    fn verdict(&self, cx: &HandlerCtx<'_>, verdict: &Verdict<'_>) {
        let (_, _) = (cx, verdict);
    }

    /// A run has ended: none of its tasks is left, and the verdicts of its calls have been told, but for
    /// those of [pooled](HandlerOptions::pooled) handlers that still run. Called once for each run and
    /// registration, whether a call was seen or not, by the supervisor's thread; the run returns when this
    /// has.
    fn ended(&self) {}
}
