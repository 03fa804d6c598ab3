//! Raw calls to the kernel, and what no crate wraps. With `spawn::{child, deputy, keeper, tree}` this is the
//! only place where `unsafe` is allowed; nothing here knows a policy.

pub(crate) mod capability;
pub(crate) mod clone;
pub(crate) mod descriptor;
pub(crate) mod files;
pub(crate) mod landlock;
pub(crate) mod listener;
pub(crate) mod mask;
pub(crate) mod memory;
pub(crate) mod pidfd;
pub(crate) mod probe;
pub(crate) mod raw;
pub(crate) mod seccomp;
pub(crate) mod signal;
pub(crate) mod stack;
pub(crate) mod wait;
