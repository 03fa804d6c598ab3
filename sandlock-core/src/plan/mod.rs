//! What will be done: policy and host, decided. Pure data, printable and comparable.

mod describe;
mod enforcement;
mod environment;
mod explanation;
pub mod filter;
mod judge;
pub mod landlock;
mod steps;
mod thread;
mod traps;

pub use enforcement::Enforcement;
pub(crate) use environment::Variable;

pub use environment::Environment;
pub use explanation::Explanation;
pub use steps::{ChildStep, Resource};
pub(crate) use thread::ThreadPlan;
pub use traps::{BuiltIn, Stage, Trap};

use std::path::Path;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Problem, Result};
use crate::host::Host;
use crate::policy::{Policy, Protection, ProtectionMode, Selector};
use filter::FilterPlan;
use landlock::LandlockPlan;

/// Everything that will be done to confine a program, decided from a [`Policy`] and a [`Host`]
/// alone: no file is opened, no kernel asked.
///
/// # Examples
///
/// ```
/// use sandlock::{Host, Plan, Policy};
///
/// let policy = Policy::builder().fs_read("/usr").build()?;
/// let plan = Plan::new(&policy, &Host::fake(7))?;
/// assert!(plan.describe().contains("grant read /usr"));
/// # Ok::<(), sandlock::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// What Landlock will hold.
    pub landlock: LandlockPlan,
    /// What the seccomp filter will refuse.
    pub filter: FilterPlan,
    /// What the supervisor is asked about, beside what handlers are registered for.
    pub traps: Vec<Trap>,
    /// What the child does to itself before it executes the program, in this order.
    pub steps: Vec<ChildStep>,
    /// The variables the program gets.
    pub environment: Environment,
    /// After which time the tree is killed.
    pub timeout: Option<Duration>,
    /// What holds, what could not be enforced here, and what the policy lifted.
    pub enforcement: Enforcement,
}

impl Plan {
    /// The plan for `policy` on `host`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Policy`] when settings contradict each other; [`ErrorKind::Unsupported`] when
    /// the host lacks a protection that the policy demands. Each names every problem at once.
    pub fn new(policy: &Policy, host: &Host) -> Result<Plan> {
        require_confinement(host)?;
        require_reaper(host)?;
        require_child_lists(policy, host)?;
        let mut problems = policy.problems();
        problems.extend(contradictions_of_a_start(policy));
        problems.extend(contradictions(policy));
        if !problems.is_empty() {
            return Err(Error::policy(problems));
        }
        let mut enforcement = Enforcement::new(host);
        let landlock = LandlockPlan::new(policy, host, &mut enforcement)?;
        let holds_signals = traps::judges_signals(policy, &landlock);
        let traps = traps::traps(policy, host.arch, &landlock);
        let filter = FilterPlan::new(policy, host.arch, holds_signals, &mut enforcement);
        Ok(Plan {
            landlock,
            filter,
            traps,
            steps: steps::steps(policy, &mut enforcement),
            environment: Environment::new(policy),
            timeout: policy.limits.timeout.map(|timeout| timeout.duration()),
            enforcement,
        })
    }

    /// The directory that the program starts in, if not the caller's.
    pub fn cwd(&self) -> Option<&Path> {
        self.steps.iter().find_map(|step| match step {
            ChildStep::ChangeDirectory(path) => Some(path.as_path()),
            _ => None,
        })
    }
}

fn missing(what: &str, way_out: &str) -> Result<()> {
    Err(Error::new(ErrorKind::Unsupported, what).with_hint(way_out))
}

/// What nothing can stand in for.
fn require_confinement(host: &Host) -> Result<()> {
    if host.landlock_abi == 0 {
        return missing(
            "Landlock is missing or disabled on this kernel",
            "it needs Linux 5.13, CONFIG_SECURITY_LANDLOCK and `landlock` among the active LSMs; \
             container profiles may refuse its calls",
        );
    }
    if !host.seccomp_filter {
        return missing(
            "seccomp filters are missing on this kernel",
            "they need CONFIG_SECCOMP_FILTER; container profiles may refuse seccomp(2)",
        );
    }
    Ok(())
}

/// What a tree takes that can be ended.
fn require_reaper(host: &Host) -> Result<()> {
    if !host.subreaper {
        return missing(
            "this process may not become the reaper of its descendants",
            "it may be in a sandbox already: one inside another cannot be started",
        );
    }
    Ok(())
}

/// What ends a tree where the keeper's signals cannot be scoped to it.
fn require_child_lists(policy: &Policy, host: &Host) -> Result<()> {
    let protection = Protection::SignalScope;
    let is_scoped =
        policy.mode(protection) != ProtectionMode::Off && host.landlock_abi >= protection.needs().0;
    if is_scoped || host.child_lists {
        return Ok(());
    }
    let message = "/proc does not list the children of a task, so a tree could not be ended";
    Err(Error::new(ErrorKind::Unsupported, message).with_hint(
        "mount the /proc of this pid namespace, on a kernel with CONFIG_PROC_CHILDREN, or use \
         protections.signal_scope (Linux 6.12)",
    ))
}

/// Settings that leave no program that could be started.
fn contradictions_of_a_start(policy: &Policy) -> Vec<Problem> {
    let mut problems = Vec::new();
    let (only, deny) = (&policy.syscalls.only, &policy.syscalls.deny);
    if !only.is_empty() && !lists(only, "execve") {
        let message = "must list execve (or @processes): without it the program cannot be started";
        problems.push(Problem::new("syscalls.only", message));
    }
    if lists(deny, "execve") {
        let message = "cannot list execve: without it the program cannot be started";
        problems.push(Problem::new("syscalls.deny", message));
    }
    problems
}

/// Settings that are each fine but not together, whoever is confined.
fn contradictions(policy: &Policy) -> Vec<Problem> {
    let mut problems = Vec::new();
    if lists(&policy.syscalls.deny, "exit_group") {
        let message = "cannot list exit_group: without it the end of a process would be a crash, \
                       that of a failed start with the caller's memory";
        problems.push(Problem::new("syscalls.deny", message));
    }
    if policy.mode(Protection::NetTcp) == ProtectionMode::Off && landlock::names_ports(policy) {
        let message = "cannot be off while net.allow names ports: nothing else holds them";
        problems.push(Problem::new("protections.net_tcp", message));
    }
    for selector in &policy.syscalls.allow {
        if selector.calls().iter().any(|call| judge::is_network(call)) {
            let message = format!("cannot lift {selector}: sockets are governed by net.*");
            problems.push(Problem::new("syscalls.allow", message));
        }
    }
    problems
}

fn lists(selectors: &[Selector], call: &str) -> bool {
    selectors.iter().any(|selector| selector.calls().contains(&call))
}

#[cfg(test)]
mod tests;
