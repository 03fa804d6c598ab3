//! What will be done to a thread that confines itself.

use super::filter::FilterPlan;
use super::landlock::LandlockPlan;
use super::{Enforcement, contradictions, require_confinement, steps, traps};
use crate::error::{Error, Problem, Result};
use crate::host::Host;
use crate::policy::{Capability, Limits, Policy, Process};

/// The part of a [`Plan`](super::Plan) that a thread can do to itself, without a start and a tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ThreadPlan {
    pub(crate) landlock: LandlockPlan,
    pub(crate) filter: FilterPlan,
    /// The capabilities that are not dropped.
    pub(crate) kept: Vec<Capability>,
    pub(crate) enforcement: Enforcement,
}

impl ThreadPlan {
    /// The plan for `policy` on `host`, which need not be able to end a tree.
    ///
    /// # Errors
    ///
    /// As [`Plan::new`](super::Plan::new); [`ErrorKind::Policy`](crate::ErrorKind::Policy) also for
    /// every setting that no thread can apply to itself.
    pub(crate) fn new(policy: &Policy, host: &Host) -> Result<ThreadPlan> {
        require_confinement(host)?;
        let mut problems = policy.problems();
        problems.extend(beyond_a_thread(policy));
        problems.extend(contradictions(policy));
        if !problems.is_empty() {
            return Err(Error::policy(problems));
        }
        let mut enforcement = Enforcement::new(host);
        let landlock = LandlockPlan::new(policy, host, &mut enforcement)?;
        // The strict side: no supervisor judges other ways to signal, but those that go on in the
        // thread's name are closed.
        let holds_signals = traps::lacks_signal_scope(policy, &landlock);
        let filter = FilterPlan::new(policy, host.arch, holds_signals, &mut enforcement);
        let kept = steps::kept_capabilities(policy, &mut enforcement);
        Ok(ThreadPlan { landlock, filter, kept, enforcement })
    }
}

/// The settings that are about a start, a whole process or a tree. Fields are named one by one, so
/// that a new one does not compile before it is put on one side.
fn beyond_a_thread(policy: &Policy) -> impl Iterator<Item = Problem> {
    const START: &str = "nothing is started";
    const PROCESS: &str = "it is of the whole process";
    let Limits { open_files, file_size, timeout } = &policy.limits;
    let Process { env, clean_env, cwd, keep_capabilities: _, core_dumps, manage_tasks } =
        &policy.process;
    let settings = [
        ("limits.open_files", open_files.is_some(), PROCESS),
        ("limits.file_size", file_size.is_some(), PROCESS),
        ("limits.timeout", timeout.is_some(), "there is no tree that could be ended"),
        ("process.env", !env.is_empty(), START),
        ("process.clean_env", *clean_env, START),
        ("process.cwd", cwd.is_some(), PROCESS),
        ("process.core_dumps", *core_dumps, PROCESS),
        ("process.manage_tasks", *manage_tasks, "there is no supervisor that could judge"),
    ];
    let said = settings.into_iter().filter(|(_, is_said, _)| *is_said);
    said.map(|(setting, _, why)| {
        Problem::new(setting, format!("cannot be applied to a thread: {why}"))
    })
}
