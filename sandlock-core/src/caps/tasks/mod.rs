//! Calls that act on a process or thread by its id: limits, priorities, affinity, scheduling, and
//! signals where the kernel does not scope them.
//!
//! *Holds against* a program that names a process or thread outside its tree: it is refused with
//! EPERM. The tree is what the keeper has below it; the keeper reaps it, so that nobody leaves it.
//!
//! *Does not hold against* a program that has a process of its own end, and its id given to a process
//! of the host, between this judgement and the kernel's look at the id: it has to go around all process
//! ids in that time, and the kernel has no such calls that take a descriptor instead. What it could do
//! then is what the call does, to a process of the same user. This is why
//! `process.manage_tasks` is off unless asked for.
//!
//! Needs user notifications (Linux 5.0) and /proc of this pid namespace.

mod hooks;
mod members;

#[cfg(test)]
mod tests;

pub(super) use hooks::judge;
