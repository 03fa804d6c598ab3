//! Confines untrusted programs on Linux under Landlock and seccomp, without root, namespaces or a
//! daemon.
//!
//! A [`Policy`] says what a program may do; [`Sandbox`] runs it under that policy, in the calling
//! process's own tree, and [`Output`] tells how it ended and what was enforced. A [`Launch`] says
//! what is particular to one start, and a [`Child`] is a program under way. [`Plan`] shows what will
//! be done without doing it, and [`Host`] what this kernel can enforce.
//!
//! The embedding program can answer system calls of the confined one itself: a [`Handler`] decides
//! about a call, an [`Observer`] watches it, and neither can grant what the policy refuses. Some are
//! ready to be registered: [`Deny`], [`Return`], [`Count`], [`Audit`]. See [`Sandbox::add_handler`], and `docs/extension-handlers.md` of the repository.
//!
//! A thread of the embedding program can also confine itself: [`confine_self`].
//!
//! What this holds against, and what it does not, is in `docs/security-model.md` of the repository;
//! what to rely on from the start of a program to its end, in `docs/lifecycle.md`.
//!
//! # Examples
//!
//! ```
//! use sandlock::{Policy, Sandbox};
//!
//! let policy = Policy::builder()
//!     .fs_read("/usr")
//!     .fs_read_if_exists("/lib")
//!     .fs_read_if_exists("/lib64")
//!     .build()?;
//! let out = Sandbox::new(policy)?.run(["cat", "/etc/hostname"])?;
//! assert!(!out.success(), "no rule means no access");
//! # Ok::<(), sandlock::Error>(())
//! ```
//!
//! ```
//! use sandlock::{HandlerCtx, NotifAction, Policy, Sandbox};
//!
//! let policy = Policy::builder()
//!     .fs_read("/usr")
//!     .fs_read_if_exists("/lib")
//!     .fs_read_if_exists("/lib64")
//!     .build()?;
//! let sandbox = Sandbox::new(policy)?
//!     .add_handler("uname", |_: &HandlerCtx<'_>| NotifAction::Errno(libc::EACCES))?;
//! assert!(!sandbox.run(["uname"])?.success());
//! # Ok::<(), sandlock::Error>(())
//! ```

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("sandlock knows the system calls of x86_64 and aarch64 only");

mod caps;
mod child;
mod confine;
mod confine_self;
mod error;
mod handler;
mod host;
mod host_report;
mod launch;
mod listed;
mod members;
mod output;
pub mod plan;
pub mod policy;
mod polled;
mod proc;
mod registry;
mod run;
mod sandbox;
mod spawn;
mod step;
mod supervisor;
mod sys;
pub mod syscall;
mod text;
mod threads;

pub use child::Child;
pub use confine_self::confine_self;
pub use error::{Error, ErrorKind, HandlerError, Problem, Result};
pub use handler::{
    Audit, Count, Deny, Handler, HandlerCtx, HandlerOptions, Mode, NotifAction, Observer,
    ObserverOptions, OnError, OpenRequest, Outcome, Priority, Return, TaskError, Verdict, When,
    WhenArg,
};
pub use host::{Host, NEWEST_LANDLOCK_ABI, Notifications};
pub use host_report::{Availability, HostReport};
pub use launch::{Launch, Stdio};
pub use members::ProcessInfo;
pub use output::{Output, Reason, Usage};
pub use plan::{
    BuiltIn, ChildStep, Enforcement, Environment, Explanation, Plan, Resource, Stage, Trap,
};
pub use policy::{
    ByteSize, Capability, Data, EnvName, Fs, Limits, Net, NetRule, Policy, PolicyBuilder, Ports,
    Process, Protection, ProtectionMode, SETTINGS, Selector, Setting, Shape, Syscalls, Timeout,
    UnixRule,
};
pub use polled::Polled;
pub use sandbox::Sandbox;
pub use step::Step;
pub use syscall::{Arch, Class, GROUPS, Group, Syscall, SyscallError};
