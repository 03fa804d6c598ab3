//! The calling thread under a policy.

use std::os::fd::AsRawFd;

use crate::confine::{filter, ruleset};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::plan::{Enforcement, ThreadPlan};
use crate::policy::{Capability, Policy};
use crate::step::Step;
use crate::sys::{capability, landlock, raw, seccomp};

/// Applies the rules of `policy` to the calling thread, irreversibly: its Landlock rules, its filter of
/// system calls, no new privileges, and no capabilities but those it keeps.
///
/// Threads and programs that the thread starts later inherit all of it. No other thread of the process
/// is confined, not even for work that the calling thread hands to it. A further policy, from the same
/// thread or one that inherited, only narrows. Granted paths are resolved in this call.
///
/// Settings that are about a start, a whole process or a tree cannot be applied to a thread and are
/// errors: `limits.*`, `process.env`, `process.clean_env`, `process.cwd`, `process.core_dumps` and
/// `process.manage_tasks`. `syscalls.deny` may list execve, and `syscalls.only` need not: what the
/// thread lives on is the caller's to list, for example @memory, @threads, @signals and the call exit,
/// without which a thread spins for ever at its end. exit_group is always allowed.
///
/// This needs Landlock (Linux 5.13) and seccomp filters, and nothing of what a tree takes: the caller can
/// be in a sandbox already. Afterwards no [`Sandbox`](crate::Sandbox) starts a program in this thread
/// ([`ErrorKind::Spawn`](crate::ErrorKind::Spawn) at [`Step::Subreaper`], unless the policy lifts prctl),
/// and a [`Child`](crate::Child) that others started can be waited for but not ended, so that its drop
/// waits for the program's own end.
///
/// # Holds against
///
/// Everything that the thread, and what it starts, asks the kernel for, as
/// `docs/security-model.md` of the repository has it: mistakes, and attackers who got to choose paths,
/// addresses and commands. Also code that runs as attackers want it, if the process had only this thread
/// and keeps no descriptor that it should not use.
///
/// # Does not hold against
///
/// - Code that attacks its own process. Memory is shared: whoever writes to it makes other threads,
///   which are not confined, do what they want. Confine the only thread of a process, or run the code
///   as a program in a [`Sandbox`](crate::Sandbox).
/// - Descriptors that are open already, also those that other threads open later: the table is
///   shared, and Landlock judges the opening.
/// - Signals within the process. The thread can signal the other threads and end the process; from
///   Linux 6.15, and 6.12 where that was ported back, Landlock lets it (landlock(7), errata). What it
///   starts can signal this thread, and that can end the process.
/// - What it starts reading its memory, where the policy grants /proc: `/proc/PID/task/TID/mem` of this
///   thread is that of the process.
/// - Signals where the kernel does not scope them (`signal_scope` is degraded or off): kill(2) is allowed
///   then. Where it is degraded, the filter refuses owners of descriptors' signals (F_SETOWN).
/// - Core dumps: their limit is the process's, and stays.
///
/// # What the other threads notice
///
/// - setuid(2), setgid(2) and their like. libc makes every thread do it, whichever asks for it, and ends
///   the process when they fare differently (nptl(7)): where the policy drops a capability that decides
///   (CAP_SETUID, CAP_SETGID), or refuses the call. Change the user before.
/// - A seccomp filter for all threads (SECCOMP_FILTER_FLAG_TSYNC) is refused to threads that lack the
///   filter of this one, while this one lives.
///
/// # Errors
///
/// [`ErrorKind::Policy`](crate::ErrorKind::Policy): settings contradict each other or cannot be applied to
/// a thread, or a granted path is missing; all problems of one sort at once.
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported): this kernel lacks a protection that the
/// policy demands. After these nothing has changed.
///
/// [`ErrorKind::Spawn`](crate::ErrorKind::Spawn) with [`Error::step`]: the kernel refused a step, such as
/// E2BIG for a Landlock domain too many (16 around each other). The steps before it (no new privileges,
/// capabilities, Landlock, filter, in this order) stay done: the thread is confined in part, and never
/// less than before. End it then.
///
/// # Examples
///
/// A thread that may read one folder:
///
/// ```
/// use sandlock::{Policy, confine_self};
///
/// let policy = Policy::builder().fs_read("/usr").build()?;
/// let confined = std::thread::spawn(move || {
///     confine_self(&policy)?;
///     assert!(std::fs::read_dir("/usr").is_ok());
///     assert!(std::fs::read_dir("/etc").is_err());
///     Ok::<(), sandlock::Error>(())
/// });
/// confined.join().expect("no panic")?;
/// assert!(std::fs::read_dir("/etc").is_ok(), "this thread is free");
/// # Ok::<(), sandlock::Error>(())
/// ```
pub fn confine_self(policy: &Policy) -> Result<Enforcement> {
    let plan = ThreadPlan::new(policy, Host::current())?;
    let ruleset = ruleset::create(&plan.landlock)?;
    let program = filter::compile(&plan.filter)?;
    let keep = Capability::mask(&plan.kept);
    let failed = |step| move |errno| Error::step_failed(step, errno);
    raw::set_no_new_privileges().map_err(failed(Step::NoNewPrivileges))?;
    capability::keep_only(keep).map_err(failed(Step::DropCapabilities))?;
    landlock::restrict_self(ruleset.as_raw_fd()).map_err(failed(Step::Landlock))?;
    // While close(2) is sure to be allowed.
    drop(ruleset);
    seccomp::install(&program, 0).map_err(failed(Step::Filter))?;
    Ok(plan.enforcement)
}
