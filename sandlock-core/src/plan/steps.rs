//! What the child does to itself between clone and exec.

use std::path::PathBuf;

use crate::policy::{Capability, Policy};

use super::enforcement::Enforcement;

/// One thing that the child does; a failure ends it before the program starts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildStep {
    /// Asks to be killed when its keeper ends (prctl(2) PR_SET_PDEATHSIG).
    DieWithKeeper,
    /// Leaves the caller's session, and with it the terminal, unless the run is interactive.
    NewSession,
    /// Resets signal handlers, SIGPIPE, SIGXFSZ and SIGCHLD, and unblocks every signal.
    ResetSignals,
    /// Lowers a resource limit, hard and soft, to this value or to the caller's own if lower.
    Limit(Resource, u64),
    /// Changes to this directory.
    ChangeDirectory(PathBuf),
    /// Gives up gaining privileges (prctl(2) PR_SET_NO_NEW_PRIVS).
    NoNewPrivileges,
    /// Applies the Landlock rules.
    Landlock,
    /// Drops every capability but these, also from the bounding set where the caller may change that
    /// (CAP_SETPCAP): for others, giving up gaining privileges rules out what it would allow.
    DropCapabilities(Vec<Capability>),
    /// Takes a descriptor table of its own in which only 0, 1 and 2 survive the exec.
    Descriptors,
    /// Installs the seccomp filter.
    Filter,
}

/// A limit of getrlimit(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resource {
    /// RLIMIT_CORE, bytes.
    CoreSize,
    /// RLIMIT_FSIZE, bytes.
    FileSize,
    /// RLIMIT_NOFILE, descriptors.
    OpenFiles,
}

pub(crate) fn steps(policy: &Policy, enforcement: &mut Enforcement) -> Vec<ChildStep> {
    let mut steps = vec![ChildStep::DieWithKeeper, ChildStep::NewSession, ChildStep::ResetSignals];
    let limit = |(resource, value)| ChildStep::Limit(resource, value);
    steps.extend(limits(policy).map(limit));
    steps.extend(policy.process.cwd.clone().map(ChildStep::ChangeDirectory));
    let kept = kept_capabilities(policy, enforcement);
    steps.extend([
        ChildStep::NoNewPrivileges,
        // Before Landlock, whose rules every change of capabilities would copy.
        ChildStep::DropCapabilities(kept),
        ChildStep::Landlock,
    ]);
    // Only now: a listener has its number in the host's table, which may have more.
    let files = policy.limits.open_files.map(|number| (Resource::OpenFiles, number));
    steps.extend(files.map(limit));
    steps.extend([ChildStep::Descriptors, ChildStep::Filter]);
    steps
}

/// The capabilities that are not dropped, ascending.
pub(super) fn kept_capabilities(policy: &Policy, enforcement: &mut Enforcement) -> Vec<Capability> {
    let mut kept = policy.process.keep_capabilities.clone();
    kept.sort_unstable();
    kept.dedup();
    for capability in &kept {
        let line = format!("process.keep_capabilities: {capability} is kept if the caller has it");
        enforcement.weakened.push(line);
    }
    kept
}

/// Less than any core file, and the one value that keeps the kernel from piping the dump to a
/// handler of the host as well, which 0 does not (core(5), Linux 2.6.32).
const NO_CORE: u64 = 1;

fn limits(policy: &Policy) -> impl Iterator<Item = (Resource, u64)> {
    let core = if policy.process.core_dumps { libc::RLIM_INFINITY } else { NO_CORE };
    let size = policy.limits.file_size.map(|size| (Resource::FileSize, size.bytes()));
    [(Resource::CoreSize, core)].into_iter().chain(size)
}
