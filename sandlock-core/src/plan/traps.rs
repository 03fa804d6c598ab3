//! What the supervisor is asked about by built-in capabilities, as data.

use landlock::Scope;

use super::filter::{Case, Condition, Test};
use super::landlock::LandlockPlan;
use crate::listed::listed;
use crate::policy::{Policy, Protection, ProtectionMode};
use crate::syscall::Arch;

/// A call that a built-in is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trap {
    /// The number of the call.
    pub number: u32,
    /// Who is asked.
    pub built_in: BuiltIn,
    /// When it is asked, among the built-ins.
    pub stage: Stage,
    /// It is asked where one of the cases holds, and always where there are none; other calls are
    /// not trapped.
    pub cases: Vec<Case>,
}

listed! {
    /// A capability that answers calls.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum BuiltIn {
        /// Calls that act on other processes and threads by their ids, judged by whether those are in
        /// the tree.
        Tasks,
    }
}

listed! {
    /// The order of the built-ins.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum Stage {
        /// Counts against a limit.
        Account,
        /// Answers with something made up.
        Invent,
        /// Judges.
        Decide,
        /// Has something else done in its place.
        Redirect,
    }
}

impl BuiltIn {
    /// The name, as in verdicts.
    pub fn name(self) -> &'static str {
        match self {
            BuiltIn::Tasks => "tasks",
        }
    }
}

/// Calls whose first argument is the id of a process or thread, 0 for the caller.
pub(super) const BY_ID: [&str; 5] =
    ["prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler"];
/// Calls whose first argument says what the second one is; 0 is the caller there. Of what they can
/// be, the processes are left: with the value here.
pub(super) const BY_KIND: [(&str, u32); 3] = [
    ("getpriority", libc::PRIO_PROCESS),
    ("ioprio_set", IOPRIO_WHO_PROCESS),
    ("setpriority", libc::PRIO_PROCESS),
];
const IOPRIO_WHO_PROCESS: u32 = 1;
/// Calls that signal by id, in their first argument.
const SIGNALS: [&str; 4] = ["rt_sigqueueinfo", "rt_tgsigqueueinfo", "tgkill", "tkill"];
/// Calls that signal others by 0, the caller's group, and by a descriptor.
const SIGNALS_OF_GROUPS: [&str; 2] = ["kill", "pidfd_send_signal"];

pub(super) fn traps(policy: &Policy, arch: Arch, landlock: &LandlockPlan) -> Vec<Trap> {
    if !policy.process.manage_tasks {
        return Vec::new();
    }
    let with_id = |argument| vec![Case(vec![Condition::low(argument, Test::Ne, 0)])];
    let trap = |name: &str, cases| {
        let number = arch.number_of(name)?;
        Some(Trap { number, built_in: BuiltIn::Tasks, stage: Stage::Decide, cases })
    };
    let by_id = BY_ID.iter().filter_map(|name| trap(name, with_id(0)));
    let by_kind = BY_KIND.iter().filter_map(|(name, _)| trap(name, with_id(1)));
    let mut traps: Vec<Trap> = by_id.chain(by_kind).collect();
    if judges_signals(policy, landlock) {
        traps.extend(SIGNALS.iter().filter_map(|name| trap(name, with_id(0))));
        traps.extend(SIGNALS_OF_GROUPS.iter().filter_map(|name| trap(name, Vec::new())));
        // Who enters a group of the host, signals it by 0.
        traps.extend(trap("setpgid", with_id(1)));
    }
    traps
}

/// Whether signals are judged by the supervisor, because the kernel does not scope them.
pub(super) fn judges_signals(policy: &Policy, landlock: &LandlockPlan) -> bool {
    policy.process.manage_tasks && lacks_signal_scope(policy, landlock)
}

/// Whether signals are to be scoped, and the kernel cannot.
pub(super) fn lacks_signal_scope(policy: &Policy, landlock: &LandlockPlan) -> bool {
    !landlock.scoped.contains(Scope::Signal)
        && policy.mode(Protection::SignalScope) != ProtectionMode::Off
}
